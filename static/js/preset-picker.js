// Grids of radio buttons: up and down arrows move by a row, as the eye does; left and right stay the browser's. What is chosen stands in the address.
(() => {
  "use strict";
  const columns = (radios) => {
    const top = radios[0].closest("label").offsetTop;
    const second = radios.findIndex((radio) => radio.closest("label").offsetTop > top + 4);
    return second < 0 ? radios.length : second;
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const grid = event.target.matches?.("input[type=radio]") && event.target.closest("[data-picker]");
    if (!grid) return;
    event.preventDefault();
    const radios = [...grid.querySelectorAll("input[type=radio]")];
    const step = columns(radios) * (event.key === "ArrowUp" ? -1 : 1);
    const next = radios[radios.indexOf(event.target) + step];
    if (!next) return;
    next.focus();
    next.click();
  });
  // The chosen one comes into view inside its grid when keys move it.
  document.addEventListener("change", (event) => {
    if (event.target.closest?.("[data-picker]")) event.target.closest("label").scrollIntoView({ block: "nearest" });
  });
  // The address keeps what is chosen, so that a reload and a shared link open with it.
  document.addEventListener("change", (event) => {
    const form = event.target.matches?.("#studio input[type=radio]") && event.target.form;
    if (!form) return;
    const chosen = new URLSearchParams();
    for (const radio of form.querySelectorAll("input[type=radio]:checked")) if (radio.value) chosen.set(radio.name, radio.value);
    history.replaceState(history.state, "", `?${chosen}`);
  });
  // Enter in a search field searches; it does not launch.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("#studio input[type=search]")) event.preventDefault();
  });
})();
