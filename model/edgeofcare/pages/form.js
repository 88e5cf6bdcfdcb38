// The inputs of a page, or the buttons below an answer. Native elements only: every input has its label, its limits in
// words beside it, and works from the keyboard. Numbers are checked by the program, not here.

const LONG = 45; // characters of an option that need a line of their own

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter(Boolean));
  return element;
};

function render({ model, el }) {
  const texts = () => model.get("texts");
  const parts = new Map(); // key of a field -> its elements
  const set = (key, text) => {
    if (texts()[key] === text) return;
    model.set("texts", { ...texts(), [key]: text });
    model.save_changes();
  };
  const press = (name) => {
    model.set("presses", { ...model.get("presses"), [name]: (model.get("presses")[name] || 0) + 1 });
    model.save_changes();
  };

  // ---- fields ------------------------------------------------------------------------------------------------------

  const asNumber = (text) => Number(text.replace(/[\u2212\u2012\u2013]/g, "-").replace(/[,£%\s]/g, ""));

  const number = (field) => {
    const id = `field-${field.key}`;
    let shown = null; // what the program last said, so that it does not write over what is being typed
    const box = make("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", "data-key": field.key,
      "aria-describedby": `${id}-hint ${id}-error` });
    const slider = make("input", { type: "range", min: field.low, max: field.high, step: field.step, id: `${id}-slider`,
      "aria-label": `${field.label}, slider` });
    const show = (text) => {
      if (box.value !== text && text !== shown) box.value = text;
      shown = text;
      if (Number.isFinite(asNumber(text))) slider.value = asNumber(text);
      slider.setAttribute("aria-valuetext", `${text} ${field.unit}`);
    };
    slider.addEventListener("input", () => { box.value = slider.value; });
    slider.addEventListener("change", () => set(field.key, slider.value));
    box.addEventListener("change", () => set(field.key, box.value.trim()));
    const row = make("span", { class: "row" }, slider, box);
    const shortcuts = field.shortcuts.length && make("span", { class: "shortcuts" }, ...field.shortcuts.map(([label], i) => {
      const button = make("button", { type: "button", class: "small", text: label, "aria-label": `${field.label}: ${label}` });
      button.addEventListener("click", () => set(field.key, parts.get(field.key).field.shortcuts[i][1]));
      return button;
    }));
    const label = make("label", { for: id, text: field.label });
    if (field.unit) label.append(make("span", { class: "unit", text: ` (${field.unit})` }));
    return { parts: [label, row, shortcuts], inputs: [box, slider], show, id };
  };

  const choice = (field) => {
    const id = `field-${field.key}`;
    const select = make("select", { id, "data-key": field.key, "aria-describedby": `${id}-hint ${id}-error` },
      ...field.options.map(([value, label]) => make("option", { value, text: label })));
    select.addEventListener("change", () => set(field.key, select.value));
    return { parts: [make("label", { for: id, text: field.label }), select], inputs: [select], id,
      show: (text) => { select.value = text; } };
  };

  const several = (field) => {
    const id = `field-${field.key}`;
    const boxes = field.options.map(([value, label], i) => {
      const box = make("input", { type: "checkbox", value, id: `${id}-${i}` });
      box.addEventListener("change", () =>
        set(field.key, boxes.map(([one]) => one).filter((one) => one.checked).map((one) => one.value).join(",")));
      return [box, make("label", { for: box.id, text: label })];
    });
    const group = make("span", { class: "checks" }, ...boxes.map((pair) => make("span", { class: "check" }, ...pair)));
    return { parts: [make("legend", { text: field.label }), group], inputs: boxes.map(([box]) => box), id, group: true,
      show: (text) => { for (const [box] of boxes) box.checked = text.split(",").includes(box.value); } };
  };

  const isLong = (field) => field.kind === "choice" && field.options.some(([, label]) => label.length > LONG);
  const kinds = { number, choice, several };
  const grid = make("div", { class: "fields" });
  let built = "";

  // What is typed while the program thinks must not be lost: elements are made anew only if other things are asked.
  const shapeOf = (field) => [field.key, field.kind, field.label, field.unit, field.options, field.low, field.high,
    field.step, field.shortcuts?.map(([label]) => label)];

  const build = () => {
    const fields = model.get("fields");
    const shape = JSON.stringify(fields.map(shapeOf));
    if (shape === built) {
      for (const field of fields) parts.get(field.key).field = field;
      show();
      return;
    }
    built = shape;
    const had = el.getRootNode().activeElement;
    const focus = had && had.id;
    parts.clear();
    grid.replaceChildren(...fields.map((field) => {
      const made = kinds[field.kind](field);
      made.hint = make("span", { class: "hint", id: `${made.id}-hint` });
      made.error = make("span", { class: "error", id: `${made.id}-error`, role: "alert" });
      made.field = field;
      parts.set(field.key, made);
      return make(made.group ? "fieldset" : "div", { class: `field ${field.kind}${isLong(field) ? " long" : ""}`,
        "aria-describedby": made.group && `${made.id}-hint ${made.id}-error` }, ...made.parts, made.hint, made.error);
    }));
    show();
    if (focus) grid.querySelector(`#${CSS.escape(focus)}`)?.focus();
  };

  const show = () => {
    for (const [key, made] of parts) {
      const text = texts()[key] ?? "";
      const changed = text !== made.field.published;
      const shown = made.field.options?.length && made.field.kind === "choice"
        ? (made.field.options.find(([value]) => value === made.field.published) || ["", ""])[1] : made.field.published;
      made.show(text);
      const before = changed && made.field.kind !== "several" ? `Changed; before: ${shown}. ` : "";
      made.hint.textContent = before + made.field.hint;
      made.hint.parentElement.classList.toggle("changed", changed);
    }
    errors();
  };

  const errors = () => {
    const found = model.get("errors");
    for (const [key, made] of parts) {
      const text = found[key] || "";
      if (made.error.textContent !== text) made.error.textContent = text;
      for (const input of made.inputs) input.toggleAttribute("data-wrong", Boolean(text));
      const box = made.inputs[0];
      if (text) box.setAttribute("aria-invalid", "true"); else box.removeAttribute("aria-invalid");
    }
  };

  // ---- a file of one's own -----------------------------------------------------------------------------------------

  const upload = make("div", { class: "field upload" });
  if (model.get("takes_file")) {
    const file = make("input", { type: "file", id: "field-file", accept: ".toml,text/plain", "aria-describedby": "file-hint" });
    const told = make("span", { class: "hint", id: "file-hint",
      text: "Optional. A scenario in TOML, such as the one this page lets you download. It stays on this computer." });
    file.addEventListener("change", async () => {
      const one = file.files[0];
      if (!one) return;
      const text = one.size > 2000000 ? "" : await one.text();
      model.set("upload", { name: one.name, text, size: one.size, count: (model.get("upload").count || 0) + 1 });
      model.save_changes();
      file.value = "";
    });
    upload.append(make("label", { for: "field-file", text: "A scenario file of your own" }), file, told);
  }

  // ---- buttons, progress, messages ---------------------------------------------------------------------------------

  const bar = make("div", { class: "buttons" });
  const buttons = () => {
    const list = model.get("buttons");
    if (bar.querySelectorAll("button").length !== list.length) {
      const title = model.get("fields").length ? "" : make("span", { class: "title", text: `${model.get("name")}:` });
      bar.replaceChildren(title, ...list.map((one) => {
        const button = make("button", { type: one.name === "run" ? "submit" : "button", class: one.main ? "main" : "" });
        if (one.name === "link") button.addEventListener("click", copy);
        else if (one.name !== "run") button.addEventListener("click", () => {
          if (button.getAttribute("aria-disabled") !== "true") press(one.name);
        });
        return button;
      }));
    }
    const made = bar.querySelectorAll("button");
    list.forEach((one, i) => {
      made[i].textContent = one.label;
      made[i].setAttribute("aria-disabled", one.off ? "true" : "false");
    });
  };

  const problem = make("div", { class: "problem", role: "alert" });
  const note = make("div", { class: "note", role: "status" });
  const meter = make("progress", { max: 1, "aria-label": "Progress of the simulation" });
  const doing = make("div", { class: "progress", hidden: true }, meter, make("span"));
  const link = make("div", { class: "link", hidden: true });

  const messages = () => {
    if (problem.textContent !== model.get("problem")) problem.textContent = model.get("problem");
    if (note.textContent !== model.get("note")) note.textContent = model.get("note");
  };
  const progress = () => {
    const { done, total, what } = model.get("progress");
    doing.hidden = what === undefined;
    el.setAttribute("aria-busy", String(what !== undefined));
    if (total) meter.value = done / total; else meter.removeAttribute("value");
    doing.lastChild.textContent = what || "";
  };
  const address = () => {
    const query = model.get("link");
    if (model.get("carries_link")) history.replaceState(history.state, "", query ? `?${query}` : location.pathname);
  };
  const copy = async () => {
    const whole = location.origin + location.pathname + (model.get("link") ? `?${model.get("link")}` : "");
    const box = make("input", { type: "text", readonly: true, value: whole, "aria-label": "Link with these inputs" });
    let told = "Copied. It opens this page with these inputs, on a machine where edgeofcare app runs.";
    try { await navigator.clipboard.writeText(whole); } catch { told = "Copy this link:"; }
    link.replaceChildren(make("span", { text: told, role: "status" }), box);
    link.hidden = false;
    box.select();
  };
  const save = () => {
    const { name, mime, base64 } = model.get("file");
    if (!name) return;
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: mime }));
    const anchor = make("a", { href: url, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  };

  const form = make("form", { novalidate: true, "aria-label": model.get("name") }, grid, model.get("takes_file") && upload, bar,
    make("div", { class: "status" }, doing, problem, note), link);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press("run");
  });
  // The frame takes links within the page for its own and leaves the focus where it was.
  const skip = (event) => {
    if (!event.target.closest?.("a.skip")) return;
    event.preventDefault();
    event.stopPropagation();
    document.getElementById("answer")?.focus({ preventScroll: true });
    document.getElementById("answer")?.scrollIntoView({ block: "start" });
  };
  if (model.get("carries_link")) document.addEventListener("click", skip, true);
  el.replaceChildren(form);
  build(); buttons(); messages(); progress(); address();
  const listen = { "change:fields": build, "change:texts": () => { show(); link.hidden = true; }, "change:errors": errors,
    "change:buttons": buttons, "change:problem": messages, "change:note": messages, "change:progress": progress,
    "change:link": address, "change:file": save };
  for (const [name, act] of Object.entries(listen)) model.on(name, act);
  return () => {
    document.removeEventListener("click", skip, true);
    for (const [name, act] of Object.entries(listen)) model.off(name, act);
  };
}

export default { render };
