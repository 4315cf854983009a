// Behaviour of the shell and of common controls: dialogs, menus, forms, times, pictures, htmx errors.
(() => {
  "use strict";
  const doc = document;
  const csrf = () => JSON.parse(doc.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const say = (text, tone = "", detail = "", more = {}) =>
    doc.dispatchEvent(new CustomEvent("toast", { detail: { text, tone, detail, ...more } }));

  // Dialogs: [data-dialog="id"] opens, [data-close] and a click beside it close.
  doc.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = doc.getElementById(opener.dataset.dialog);
      if (!dialog) return;
      event.preventDefault();
      opener.closest("[popover]")?.hidePopover();
      dialog.showModal();
      return;
    }
    const closer = event.target.closest("dialog [data-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
    } else if (event.target.matches("dialog[open]")) {
      const box = event.target.getBoundingClientRect();
      const inside =
        event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside && event.detail) event.target.close();
    }
  });

  // A dialog that came open, for pages without a script, becomes a modal one.
  for (const dialog of doc.querySelectorAll("dialog[open]")) {
    dialog.close();
    dialog.showModal();
  }

  // Menus: placed under their button; arrow keys move; the button tells whether its menu is open.
  const opener = (menu) => doc.querySelector(`[popovertarget="${menu.id}"]`);
  const place = (menu) => {
    const button = opener(menu);
    if (!button) return;
    const at = button.getBoundingClientRect();
    const box = menu.getBoundingClientRect();
    const edge = 8;
    const left = at.left + box.width > innerWidth - edge ? at.right - box.width : at.left;
    const below = at.bottom + 4;
    const top = below + box.height > innerHeight - edge && at.top > box.height + edge ? at.top - box.height - 4 : below;
    menu.style.setProperty("--menu-x", `${Math.max(edge, left)}px`);
    menu.style.setProperty("--menu-y", `${top}px`);
    menu.dataset.placed = "";
  };
  doc.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!menu.matches?.("[popover][data-menu]")) return;
      const open = event.newState === "open";
      opener(menu)?.setAttribute("aria-expanded", String(open));
      if (open) place(menu);
    },
    true,
  );
  addEventListener("resize", () => {
    for (const menu of doc.querySelectorAll("[data-menu]:popover-open")) place(menu);
  });
  doc.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("[data-menu]") ?? doc.querySelector("[data-menu]:popover-open");
    if (!menu?.matches(":popover-open") || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    const items = [...menu.querySelectorAll(".menu__item, input[type=search]")].filter((item) => item.checkVisibility());
    if (event.target.matches("input") && (event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const now = items.indexOf(doc.activeElement);
    const next = { ArrowDown: now + 1, ArrowUp: now < 0 ? -1 : now - 1, Home: 0, End: -1 }[event.key];
    items.at(next % items.length)?.focus();
  });
  doc.addEventListener("input", (event) => {
    const list = event.target.dataset?.filter && doc.querySelector(event.target.dataset.filter);
    if (!list) return;
    const words = event.target.value.trim().toLowerCase();
    for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(words);
  });

  // Forms: [data-once] sends once, [data-autosubmit] sends on change, the theme is shown at once.
  const release = (button) => {
    if (!button?.hasAttribute("data-busy")) return;
    button.removeAttribute("data-busy");
    button.removeAttribute("aria-disabled");
    button.style.removeProperty("min-inline-size");
  };
  doc.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-theme-form]") && event.submitter) {
      event.preventDefault();
      const value = event.submitter.value;
      if (value === "system") delete doc.documentElement.dataset.theme;
      else doc.documentElement.dataset.theme = value;
      for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button === event.submitter));
      const body = new FormData(form, event.submitter);
      fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } })
        .then((response) => response.ok || say(doc.body.dataset.textSaveFailed, "error"))
        .catch(() => say(doc.body.dataset.textOffline, "error"));
      return;
    }
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.sent = "1";
    const button = event.submitter ?? form.querySelector("[type=submit]");
    if (button) {
      button.style.minInlineSize = `${button.getBoundingClientRect().width}px`;
      button.dataset.busy = "";
      button.setAttribute("aria-disabled", "true");
    }
  });
  const sentAgain = (root) => {
    const forms = root.matches?.("form[data-sent]") ? [root] : root.querySelectorAll?.("form[data-sent]") ?? [];
    for (const form of forms) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[data-busy]")) release(button);
    }
  };
  addEventListener("pageshow", (event) => event.persisted && sentAgain(doc));
  doc.addEventListener("change", (event) => {
    const form = event.target.closest("[data-autosubmit]");
    if (form && !event.target.matches("[type=search]")) form.requestSubmit();
  });

  // Passwords, copying.
  doc.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle-password]");
    if (toggle) {
      const input =
        doc.getElementById(toggle.dataset.togglePassword) ??
        toggle.closest(".input-group, .field")?.querySelector("input[type=password], input[data-password]");
      if (!input) return;
      const show = input.type === "password";
      input.type = show ? "text" : "password";
      input.dataset.password = "";
      toggle.setAttribute("aria-pressed", String(show));
      return;
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const source = copy.dataset.copy.startsWith("#") ? doc.querySelector(copy.dataset.copy) : null;
      const text = source ? (source.value ?? source.textContent).trim() : copy.dataset.copy;
      navigator.clipboard?.writeText(text).then(() => say(doc.body.dataset.textCopied), () => source?.select?.());
    }
  });

  // Times: "5 minutes ago" stays true while the page is open.
  const relative = new Intl.RelativeTimeFormat(doc.documentElement.lang || "en", { numeric: "always" });
  const refreshTimes = () => {
    for (const time of doc.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      if (seconds >= 60 && seconds < 3600) time.textContent = relative.format(-Math.floor(seconds / 60), "minute");
      else if (seconds >= 3600 && seconds < 86400) time.textContent = relative.format(-Math.floor(seconds / 3600), "hour");
    }
  };
  setInterval(() => doc.hidden || refreshTimes(), 30_000);

  // Pictures: the average colour fills the frame until they are there; a failed one says so.
  const markBroken = (image) => {
    const frame = image.closest(".frame");
    if (!frame || frame.dataset.broken !== undefined) return;
    frame.dataset.broken = "";
    const note = doc.createElement("span");
    note.className = "frame__broken";
    note.textContent = frame.classList.contains("frame--thumb") ? "" : doc.body.dataset.textBroken;
    frame.append(note);
  };
  const prepare = (root) => {
    // Those that failed before this script ran have had their event already.
    for (const image of root.querySelectorAll?.(".frame img") ?? [])
      if (image.complete && image.currentSrc && !image.naturalWidth) markBroken(image);
    for (const frame of root.querySelectorAll?.("[data-colour]") ?? []) frame.style.setProperty("--average", frame.dataset.colour);
    root.querySelector?.("[data-focus]")?.focus();
  };
  doc.addEventListener("error", (event) => event.target.matches?.("img") && markBroken(event.target), true);

  // htmx: every name of its events is here. Errors keep the form and say what happened.
  const requestOf = ({ detail: { requestConfig, pathInfo } }) =>
    `${requestConfig?.verb} ${(pathInfo?.requestPath ?? requestConfig?.path ?? "").split("?")[0]}`;
  doc.addEventListener("htmx:load", (event) => prepare(event.target));
  doc.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.setAttribute?.("aria-busy", "true"));
  doc.addEventListener("htmx:afterRequest", (event) => {
    event.detail.target?.removeAttribute?.("aria-busy");
    sentAgain(event.target);
    // What failed before has worked now: its message goes.
    if (event.detail.successful) say("", "", "", { kind: requestOf(event) });
  });
  doc.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (event.target.matches?.("[data-poll]")) return;
    const id = xhr.getResponseHeader("X-Request-ID");
    const plain = xhr.status < 500 && (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    const texts = doc.body.dataset;
    const text = plain && xhr.responseText.length < 200 ? xhr.responseText : requestConfig?.verb === "get" ? texts.textLoadFailed : texts.textSaveFailed;
    const stale = xhr.getResponseHeader("X-Stale-Page") && { url: location.pathname + location.search, url_text: texts.textReload };
    say(text, "error", id && !stale ? `${texts.textRequest} ${id}` : "", { kind: requestOf(event), ...stale });
  });
  doc.addEventListener("htmx:sendError", (event) => {
    if (!event.target.matches?.("[data-poll]")) say(doc.body.dataset.textOffline, "error", "", { kind: requestOf(event) });
  });

  const offline = doc.getElementById("offline");
  const connection = () => offline && (offline.hidden = navigator.onLine);
  addEventListener("online", connection);
  addEventListener("offline", connection);

  connection();
  prepare(doc);
  window.diptych = Object.freeze({ csrf });
})();
