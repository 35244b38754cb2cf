"use strict";
(() => {
  const make = (tag, props) => Object.assign(document.createElement(tag), props);
  const text = (item) => item.textContent.trim();

  // A number is the first one of its text: "1,234", "< 0.001", "\u22120.2", "5 of 9", "97.9 %".
  const number = (shown) => parseFloat(shown.replace(/,(?=\d{3})/g, "").replace("\u2212", "-").replace(/^[<>] /, ""));
  const byNumber = (x, y) => {
    const p = number(x), q = number(y);
    return Number.isNaN(p) || Number.isNaN(q) ? [Number.isNaN(p) - Number.isNaN(q), 0] : [0, p - q];
  };
  const byWord = (x, y) => [0, x.localeCompare(y, undefined, { numeric: true })];
  // What has no number stays last, up or down.
  const sorted = (items, value, compare, sign) => items.map((item) => [item, value(item)])
    .sort((a, b) => { const [last, order] = compare(a[1], b[1]); return last || sign * order; })
    .map((pair) => pair[0]);

  // Sort tables: the lines of all parts of one table form one list.
  const sort = (tables, column, compare) => {
    const heads = tables.map((table) => table.tHead.rows[0].cells[column]);
    const up = heads[0].getAttribute("aria-sort") !== "ascending";
    const sizes = tables.map((table) => table.tBodies[0].rows.length);
    const value = (row) => row.cells[column].dataset.value ?? text(row.cells[column]);
    const rows = sorted(tables.flatMap((table) => [...table.tBodies[0].rows]), value, compare, up ? 1 : -1);
    tables.forEach((table, index) => {
      table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
      heads[index].setAttribute("aria-sort", up ? "ascending" : "descending");
      table.tBodies[0].append(...rows.splice(0, sizes[index]));
    });
  };
  const groups = [...document.querySelectorAll("section")].flatMap((section) => {
    const found = [...section.querySelectorAll("table.all")];
    return [...new Set(found.map((table) => table.className))]
      .map((name) => found.filter((table) => table.className === name));
  });
  groups.forEach((tables) => tables.forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((th, column) => {
      const button = make("button", { type: "button", textContent: th.textContent });
      const numbers = th.classList.contains("n") || "numbers" in th.dataset;
      button.addEventListener("click", () => sort(tables, column, numbers ? byNumber : byWord));
      th.replaceChildren(button);
    });
  }));

  // Filter: one box for cards, one for lines.
  const filter = (place, words, items, name, least) => {
    const tools = make("div", { className: "tools" });
    if (items.length < least) return tools;
    const input = make("input", { type: "search", autocomplete: "off" });
    const count = make("span", { className: "quiet" });
    count.setAttribute("role", "status");
    const label = make("label", { textContent: words });
    label.append(input);
    tools.append(label, count);
    place.before(tools);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      items.forEach((item) => {
        item.hidden = !name(item).toLowerCase().includes(wanted);
        shown += !item.hidden;
      });
      count.textContent = wanted ? shown + " of " + items.length + " shown" : "";
    });
    return tools;
  };
  // Order of cards: by what they carry as data.
  const ORDERS = [["severity", "severity, gravest first", byNumber, 1], ["margin", "margin, largest first", byNumber, -1],
    ["similarity", "similarity, lowest first", byNumber, 1], ["name", "name", byWord, 1]];
  document.querySelectorAll(".cards").forEach((cards) => {
    const items = [...cards.querySelectorAll(".card")];
    const tools = filter(cards, "Show those whose name, label or outcome contains", items,
      (card) => card.dataset.name + " " + text(card.querySelector(".word")), 2);
    if (items.length < 2) return;
    const select = make("select", {}), label = make("label", { textContent: "Order by" });
    select.append(make("option", { value: "", textContent: "as listed" }));
    ORDERS.filter((order) => order[0] in items[0].dataset)
      .forEach(([key, words]) => select.append(make("option", { value: key, textContent: words })));
    select.addEventListener("change", () => {
      const found = ORDERS.find((order) => order[0] === select.value);
      cards.append(...(found ? sorted(items, (card) => card.dataset[found[0]], found[2], found[3]) : items));
    });
    label.append(select);
    tools.firstChild.after(label);
  });
  groups.forEach((tables) => filter(tables[0].parentElement, "Show lines that contain",
    tables.flatMap((table) => [...table.tBodies[0].rows]), (row) => row.textContent, 8));

  // A link to a card that the filter hides shows it again.
  window.addEventListener("hashchange", () => {
    const card = document.getElementById(location.hash.slice(1));
    if (card && card.hidden) { card.hidden = false; card.scrollIntoView(); }
  });

  // Enlarge: a dialog with the picture, its words, and its neighbours on the card.
  if (typeof HTMLDialogElement !== "function") return;
  const dialog = make("dialog", {}), large = make("img", { alt: "" }), words = make("p", {});
  dialog.setAttribute("aria-label", "Enlarged picture");
  const key = (name, act) => {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", act);
    return button;
  };
  let strip = [], at = 0;
  const show = (index) => {
    at = (index + strip.length) % strip.length;
    large.src = strip[at].src;
    large.alt = words.textContent = strip[at].alt;
  };
  dialog.append(large, words, key("Previous", () => show(at - 1)), key("Next", () => show(at + 1)),
    key("Close", () => dialog.close()));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  document.querySelectorAll(".card").forEach((card) => {
    const pictures = [...card.querySelectorAll(".pic img")];
    pictures.forEach((picture, index) => {
      const button = make("button", { type: "button", title: "Enlarge" });
      picture.replaceWith(button);
      button.append(picture);
      button.addEventListener("click", () => { strip = pictures; show(index); dialog.showModal(); });
    });
  });
})();
