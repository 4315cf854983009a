// Keyboard shortcuts. An element with data-hotkey="e" is focused (fields) or clicked (all else) by that key;
// several keys are separated by spaces, modifiers are written "Shift+A" or "Ctrl+Enter". Links with data-go="p"
// open by G then P. Silent while typing, in dialogs and menus, or when the person switched shortcuts off.
(() => {
  "use strict";
  const doc = document;
  const TYPING = "input:not([type=radio], [type=checkbox], [type=range], [type=submit], [type=button], [type=file]), textarea, select, [contenteditable=true]";
  const off = () => doc.body.dataset.shortcuts === "off";
  const visible = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
  let going = 0;

  const matches = (event, combination) => {
    const parts = combination.split("+").filter(Boolean);
    const key = combination.endsWith("+") ? "+" : parts.pop();
    const wanted = new Set(parts.map((part) => part.toLowerCase()));
    if ((event.ctrlKey || event.metaKey) !== wanted.has("ctrl") || event.altKey !== wanted.has("alt")) return false;
    const named = key.length > 1 || /[a-z]/i.test(key);
    if (named && event.shiftKey !== wanted.has("shift")) return false;
    return event.key.toLowerCase() === (key === "Space" ? " " : key.toLowerCase());
  };
  const keysOf = (element) => element.dataset.hotkey.split(" ").filter(Boolean);

  const press = (element) => {
    if (element.matches("input:not([type=radio], [type=checkbox], [type=file]), textarea, select")) {
      element.focus();
      element.select?.();
    } else element.click();
  };

  // J and K walk through the rows of a list: the links marked data-row.
  const walk = (step) => {
    const rows = [...doc.querySelectorAll("[data-row]")].filter(visible);
    if (!rows.length) return false;
    const now = rows.indexOf(doc.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, now < 0 ? 0 : now + step))].focus();
    return true;
  };

  doc.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || off()) return;
    const typing = event.target.closest?.(TYPING);
    if (event.key === "Escape" && typing?.matches("[type=search]") && !typing.value) typing.blur();
    if (doc.querySelector("dialog[open], [popover]:popover-open")) return;
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (typing && !modified) return;

    if (!modified) {
      if (event.key === "?") {
        event.preventDefault();
        doc.getElementById("help")?.showModal();
        return;
      }
      if (Date.now() - going < 1500) {
        going = 0;
        const link = doc.querySelector(`[data-go="${CSS.escape(event.key.toLowerCase())}"]`);
        if (link) {
          event.preventDefault();
          link.click();
          return;
        }
      }
      if (event.key.toLowerCase() === "g" && !event.shiftKey) {
        going = Date.now();
        return;
      }
    }
    const element = [...doc.querySelectorAll("[data-hotkey]")].find(
      (candidate) => keysOf(candidate).some((key) => matches(event, key)) && visible(candidate.labels?.[0] ?? candidate),
    );
    if (element) {
      event.preventDefault();
      press(element);
    } else if (!modified && ["j", "k"].includes(event.key) && walk(event.key === "j" ? 1 : -1)) event.preventDefault();
  });

  // The help dialog is read from the page, so it cannot name a key that does nothing.
  const label = (element) =>
    (
      element.dataset.hotkeyLabel ||
      element.dataset.label ||
      element.getAttribute("aria-label") ||
      element.labels?.[0]?.textContent ||
      element.textContent ||
      element.title ||
      ""
    )
      .replace(/\s+/g, " ")
      .trim();
  const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", " ": "Space" };
  const cap = (key) => {
    const kbd = doc.createElement("kbd");
    kbd.textContent = NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
    return kbd;
  };
  const row = (name, parts) => {
    const div = doc.createElement("div");
    const dt = doc.createElement("dt");
    const dd = doc.createElement("dd");
    dt.textContent = name;
    dd.append(...parts);
    div.append(dt, dd);
    return div;
  };
  const fill = (name, rows) => {
    const part = doc.querySelector(`[data-keys="${name}"]`);
    if (!part) return;
    part.hidden = !rows.length;
    part.querySelector("dl").replaceChildren(...rows);
  };
  const build = () => {
    const seen = new Set();
    const rows = [];
    for (const element of doc.querySelectorAll("[data-hotkey]")) {
      const name = label(element);
      if (seen.has(element.dataset.hotkey) || !name || element.dataset.hotkey === "/") continue;
      seen.add(element.dataset.hotkey);
      rows.push(row(name, keysOf(element).flatMap((keys) => (keys.endsWith("+") ? ["+"] : keys.split("+")).map(cap))));
    }
    if (doc.querySelector("[data-row]")) {
      const walker = doc.querySelector("[data-walk-label]");
      if (walker) rows.push(row(walker.dataset.walkLabel, [cap("j"), cap("k")]));
    }
    const search = doc.querySelector("[data-keys-search]");
    if (search) search.hidden = !doc.querySelector('[data-hotkey="/"]');
    fill("page", rows);
    fill(
      "go",
      [...doc.querySelectorAll("[data-go]")].map((link) => row(label(link), [cap("g"), doc.body.dataset.textThen, cap(link.dataset.go)])),
    );
  };
  doc.getElementById("help")?.addEventListener("toggle", (event) => event.newState === "open" && build());
  build();
})();
