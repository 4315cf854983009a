// Hands the person's own theme on to Django's admin, which keeps its choice in the browser.
(() => {
  "use strict";
  const { theme } = document.currentScript.dataset;
  localStorage.setItem("theme", theme === "system" ? "auto" : theme);
})();
