"use strict";
(() => {
  const form = document.getElementById("tools"), list = document.getElementById("classes");
  const count = document.getElementById("count"), nothing = document.getElementById("nothing");
  const items = [...list.children];

  const number = (text) => (text === undefined || text === "" ? NaN : Number(text));
  const wanted = () => Object.fromEntries(
    [...new FormData(form)].map(([name, value]) => [name, value.trim()]));

  const fits = (item, ask) => {
    const name = item.dataset.name.toLowerCase();
    if (!(ask.q || "").toLowerCase().split(/\s+/).every((word) => name.includes(word))) return false;
    if (ask.status && item.dataset.status !== ask.status) return false;
    if (ask.judges && item.dataset.judges !== ask.judges) return false;
    const low = number(ask.low), high = number(ask.high), far = number(item.dataset.far);
    // A class that was not measured is in no range.
    if (!Number.isNaN(low) && !(far >= low)) return false;
    return Number.isNaN(high) || far <= high;
  };

  const order = (ask) => {
    const key = (ask.sort || "index").replace(/^-/, ""), sign = (ask.sort || "").startsWith("-") ? -1 : 1;
    const title = (item) => item.querySelector(".name").textContent;
    return (a, b) => {
      if (key === "name") return title(a).localeCompare(title(b), undefined, { numeric: true });
      const x = number(a.dataset[key]), y = number(b.dataset[key]);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return sign * (x - y) || a.dataset.index - b.dataset.index;
    };
  };

  const show = () => {
    const ask = wanted();
    let shown = 0;
    items.forEach((item) => {
      item.hidden = !fits(item, ask);
      shown += !item.hidden;
    });
    list.append(...[...items].sort(order(ask)));
    nothing.hidden = shown > 0;
    count.textContent = shown + " of " + items.length + " classes shown";
    return ask;
  };

  // The filter is part of the address, so that it can be kept and passed on.
  const remember = (ask) => {
    const set = Object.entries(ask).filter(([, value]) => value !== "");
    try {
      history.replaceState(null, "", set.length ? "#" + new URLSearchParams(set) : location.pathname);
    } catch { /* some browsers allow none for a page on disk */ }
  };
  const recall = () => {
    const set = new URLSearchParams(location.hash.slice(1));
    [...form.elements].forEach((field) => {
      if (field.name) field.value = set.get(field.name) || "";
    });
    show();
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => remember(show()));
  form.addEventListener("reset", () => setTimeout(() => remember(show())));
  window.addEventListener("hashchange", recall);
  form.hidden = false;
  recall();
})();
