// Fires "poll" on each [data-poll="<ms>"] element (htmx listens: hx-trigger="poll"): at its pace while answers bring
// news, slower while they are empty (204) or fail (at most every data-poll-max ms, else 8 times its pace), not at all while the tab is hidden or the device offline.
(() => {
  "use strict";
  const start = (element) => {
    if (element.dataset.polling) return;
    element.dataset.polling = "1";
    let wait = Number(element.dataset.poll) || 2000;
    let timer = 0;
    const base = () => Number(element.dataset.poll) || 2000;
    const stop = new AbortController();
    const arm = () => {
      clearTimeout(timer);
      timer = setTimeout(tick, wait);
    };
    const tick = () => {
      if (!element.isConnected) {
        stop.abort();
        return;
      }
      if (document.hidden || !navigator.onLine) return;
      element.dispatchEvent(new CustomEvent("poll"));
      arm();
    };
    const again = () => {
      if (document.hidden || !navigator.onLine) clearTimeout(timer);
      else {
        wait = base();
        tick();
      }
    };
    element.addEventListener("htmx:afterRequest", (event) => {
      if (event.target !== element) return;
      wait = event.detail.xhr?.status === 200 ? base() : Math.min(wait * 1.5, Number(element.dataset.pollMax) || base() * 8);
      arm();
    });
    document.addEventListener("visibilitychange", again, { signal: stop.signal });
    addEventListener("online", again, { signal: stop.signal });
    arm();
  };
  const all = (root) => {
    if (root.matches?.("[data-poll]")) start(root);
    for (const element of root.querySelectorAll?.("[data-poll]") ?? []) start(element);
  };
  document.addEventListener("htmx:load", (event) => all(event.target));
  all(document);
})();
