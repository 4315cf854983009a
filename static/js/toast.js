// Toasts: `toast` events (from scripts, or from the HX-Trigger header) become short messages.
// detail: {text, tone, detail, undo_url, url, url_text, kind}. A toast replaces the last of its kind; an empty text only takes that away. Errors stay; the others leave after six seconds, ten with an undo.
(() => {
  "use strict";
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;

  const leave = (toast) => {
    if (toast.contains(document.activeElement)) document.getElementById("main")?.focus({ preventScroll: true });
    toast.dataset.leaving = "";
    setTimeout(() => toast.remove(), 160);
  };

  const time = (toast) => {
    if (toast.matches(".toast--error, .toast--negative")) return;
    let left = toast.querySelector(".toast__undo") ? 10_000 : 6_000;
    let started = 0;
    let timer = 0;
    const run = () => {
      started = Date.now();
      timer = setTimeout(() => leave(toast), left);
    };
    const pause = () => {
      clearTimeout(timer);
      left -= Date.now() - started;
    };
    for (const [stop, go] of [
      ["pointerenter", "pointerleave"],
      ["focusin", "focusout"],
    ]) {
      toast.addEventListener(stop, pause);
      toast.addEventListener(go, () => {
        clearTimeout(timer);
        left = Math.max(left, 2_000);
        run();
      });
    }
    run();
  };

  // Whoever can undo in place cancels `toast:undo`; otherwise the undo is a plain form post.
  const undo = (url) => {
    const event = new CustomEvent("toast:undo", { detail: { url }, cancelable: true });
    if (!document.dispatchEvent(event)) return;
    const form = document.createElement("form");
    form.method = "post";
    form.action = url;
    const token = document.createElement("input");
    token.type = "hidden";
    token.name = "csrfmiddlewaretoken";
    token.value = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
    form.append(token);
    document.body.append(form);
    form.submit();
  };

  document.addEventListener("toast", (event) => {
    const { text, tone = "", detail = "", undo_url: url = "", url: link = "", url_text: linkText = "", kind = "" } = event.detail ?? {};
    if (kind) for (const last of region.querySelectorAll(`[data-kind="${CSS.escape(kind)}"]`)) last.remove();
    if (!text) return;
    const toast = template.content.firstElementChild.cloneNode(true);
    if (kind) toast.dataset.kind = kind;
    if (tone) toast.classList.add(`toast--${tone}`);
    const place = toast.querySelector(".toast__text");
    place.textContent = text;
    if (typeof detail === "string" && detail) {
      const small = document.createElement("span");
      small.className = "toast__detail";
      small.textContent = detail;
      place.append(small);
    }
    if (url) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn toast__undo";
      button.textContent = document.body.dataset.textUndo;
      button.addEventListener("click", () => {
        undo(url);
        leave(toast);
      });
      place.after(button);
    }
    if (link && linkText) {
      const anchor = document.createElement("a");
      anchor.className = "btn toast__undo";
      anchor.href = link;
      anchor.textContent = linkText;
      place.after(anchor);
    }
    while (region.children.length > 3) region.firstElementChild.remove();
    region.append(toast);
    time(toast);
  });

  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) leave(event.target.closest("[data-toast]"));
  });
  for (const toast of region.querySelectorAll("[data-toast]")) time(toast);
})();
