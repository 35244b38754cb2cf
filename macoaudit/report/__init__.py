"""Reports: results to plain data (view), to HTML, to PDF."""
