"""The content-security policy of a page: nothing is loaded, one script at most is run."""

import base64
import hashlib


def content_policy(script: str) -> str:
    """Write the policy of a page.

    Args:
        script: the page's only script, allowed by its digest; empty for none.
    """
    parts = [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        parts.append(f"script-src 'sha256-{digest}'")
    return "; ".join(parts)
