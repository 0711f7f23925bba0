// What a page does beyond what it does without a script: it suggests while one
// types, copies a text, and zooms into a chart. It writes only text into pages.
"use strict";

(() => {
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // Search as you type.
  const suggest = (form) => {
    const input = form.querySelector("input");
    const list = element("ul", "", { class: "hints", id: "hints", role: "listbox", "aria-label": "Found" });
    list.hidden = true;
    form.append(list);
    for (const [key, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": "hints", "aria-autocomplete": "list" })) input.setAttribute(key, value);
    let timer, asked = 0, chosen = -1;
    const links = () => [...list.querySelectorAll("a")];
    const close = () => { list.hidden = true; chosen = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
    const choose = (to) => {
      const all = links();
      if (!all.length) return;
      chosen = (to + all.length) % all.length;
      all.forEach((a, i) => a.setAttribute("aria-selected", String(i === chosen)));
      input.setAttribute("aria-activedescendant", all[chosen].id);
    };
    const show = (items) => {
      list.replaceChildren();
      items.slice(0, 8).forEach((item, i) => {
        const row = element("li", "", { role: "none" });
        const a = element("a", "", { href: item.href, id: "hint-" + i, role: "option", "aria-selected": "false", tabindex: "-1" });
        a.append(element("span", item.kind), element("bdi", item.name));
        if (item.detail) a.append(element("small", item.detail));
        row.append(a);
        list.append(row);
      });
      list.hidden = items.length === 0;
      input.setAttribute("aria-expanded", String(items.length > 0));
      chosen = -1;
    };
    const ask = async () => {
      const word = input.value.trim(), number = ++asked;
      if (word.length < 2) { close(); return; }
      const address = new URL(form.action);
      address.search = new URLSearchParams({ q: word, format: "json" });
      try {
        const answer = await fetch(address, { cache: "no-store", credentials: "omit", redirect: "error" });
        if (!answer.ok || number !== asked) return;
        const found = await answer.json();
        const base = form.action.slice(0, form.action.lastIndexOf("/") + 1);
        if (number === asked) show(found.items.map((i) => ({ kind: i.kind, name: i.name, detail: i.detail, href: new URL(i.href, base).href })));
      } catch { /* the form works without suggestions */ }
    };
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
    input.addEventListener("keydown", (event) => {
      if (list.hidden) return;
      switch (event.key) {
        case "ArrowDown": event.preventDefault(); choose(chosen + 1); break;
        case "ArrowUp": event.preventDefault(); choose(chosen < 0 ? -1 : chosen - 1); break;
        case "Escape": close(); break;
        case "Enter": if (chosen >= 0) { event.preventDefault(); location.assign(links()[chosen].href); } break;
      }
    });
    form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
  };
  document.querySelectorAll("form.search").forEach(suggest);

  // Copy a text.
  const text = document.getElementById("ticket-text");
  if (text && navigator.clipboard) {
    const button = element("button", "Copy", { type: "button", class: "copy" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.value);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    text.after(button);
  }

  // Zoom: drag over a chart, and the page shows that time.
  document.querySelectorAll("svg[data-from]").forEach((svg) => {
    const { from, until, left, right } = svg.dataset;
    const at = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return Math.min(Math.max(point.x, Number(left)), Number(right));
    };
    const day = (x) => new Date(Number(from) + (Number(until) - Number(from)) * (x - left) / (right - left)).toISOString().slice(0, 10);
    let start = null, band = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") return; // it scrolls
      start = at(event);
      band = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [key, value] of Object.entries({ class: "zoom", y: 0, height: svg.viewBox.baseVal.height, x: start, width: 0 })) band.setAttribute(key, value);
      svg.append(band);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const x = at(event);
      band.setAttribute("x", Math.min(x, start));
      band.setAttribute("width", Math.abs(x - start));
    });
    svg.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const ends = [start, at(event)].sort((a, b) => a - b);
      band.remove();
      start = null;
      if (ends[1] - ends[0] < 8) return;
      const address = new URL(location);
      address.searchParams.set("since", day(ends[0]));
      address.searchParams.set("until", day(ends[1]));
      location.assign(address);
    });
    svg.addEventListener("pointercancel", () => { if (band) band.remove(); start = null; });
  });
})();
