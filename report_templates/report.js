"use strict";
(() => {
  const make = (tag, props) => Object.assign(document.createElement(tag), props);

  // Sort: the lines of all parts of a section's table form one list.
  const cell = (row, column) => row.cells[column].textContent.trim();
  const compare = (column, number, sign) => (a, b) => {
    const x = cell(a, column), y = cell(b, column);
    if (!number) return sign * x.localeCompare(y, undefined, { numeric: true });
    const p = parseFloat(x.replace(/^[<>] /, "")), q = parseFloat(y.replace(/^[<>] /, ""));
    if (Number.isNaN(p) || Number.isNaN(q)) return Number.isNaN(p) - Number.isNaN(q);
    return sign * (p - q);
  };
  const sort = (tables, column, number) => {
    const heads = tables.map((table) => table.tHead.rows[0].cells[column]);
    const up = heads[0].getAttribute("aria-sort") !== "ascending";
    const sizes = tables.map((table) => table.tBodies[0].rows.length);
    const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
    rows.sort(compare(column, number, up ? 1 : -1));
    tables.forEach((table, index) => {
      table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
      heads[index].setAttribute("aria-sort", up ? "ascending" : "descending");
      table.tBodies[0].append(...rows.splice(0, sizes[index]));
    });
  };
  const sections = [...document.querySelectorAll("section")]
    .map((section) => [...section.querySelectorAll("table.all")]).filter((found) => found.length);
  sections.forEach((tables) => tables.forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((th, column) => {
      const button = make("button", { type: "button", textContent: th.textContent });
      button.addEventListener("click", () => sort(tables, column, th.classList.contains("n")));
      th.replaceChildren(button);
    });
  }));

  // Filter: one box for cards, one for lines.
  const filter = (place, text, items, name) => {
    if (items.length < 2) return;
    const input = make("input", { type: "search", autocomplete: "off" });
    const count = make("span", { className: "quiet" });
    count.setAttribute("role", "status");
    const label = make("label", { textContent: text });
    const tools = make("div", { className: "tools" });
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
  };
  document.querySelectorAll(".cards").forEach((cards) => filter(cards, "Show those whose name, label or outcome contains",
    [...cards.querySelectorAll(".card")],
    (card) => card.dataset.name + " " + card.querySelector(".word").textContent));
  sections.forEach((tables) => filter(tables[0].parentElement, "Show lines that contain",
    tables.flatMap((table) => [...table.tBodies[0].rows]), (row) => row.textContent));

  // A link to a card that the filter hides shows it again.
  window.addEventListener("hashchange", () => {
    const card = document.getElementById(location.hash.slice(1));
    if (card && card.hidden) { card.hidden = false; card.scrollIntoView(); }
  });

  // Enlarge: a dialog with the picture, its words, and its neighbours on the card.
  if (typeof HTMLDialogElement !== "function") return;
  const dialog = make("dialog", {}), large = make("img", { alt: "" }), words = make("p", {});
  dialog.setAttribute("aria-label", "Enlarged picture");
  const key = (text, act) => {
    const button = make("button", { type: "button", textContent: text });
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
