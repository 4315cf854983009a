// The review room around <compare-view>: keys act on the focused result, decisions lead on, panels open in place.
// Every key is the data-hotkey of a button (hotkeys.js presses it), so the help lists what really works.
(() => {
  "use strict";
  const doc = document;
  const room = () => doc.getElementById("room");
  const view = () => room()?.querySelector("compare-view");
  const all = (selector) => [...(room()?.querySelectorAll(selector) ?? [])];
  const MODES = ["side", "slider", "flicker"];
  const ADVANCE_AFTER = 420;
  let advancing = 0;
  let panelOpen = false;

  // --- What the buttons show and which of them the keys press ---------------------------------
  const refresh = () => {
    const compare = view();
    if (!compare) return;
    const { focus, shown, mode } = compare.dataset;
    for (const button of all("button[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      const follows = MODES[(MODES.indexOf(mode) + 1) % MODES.length] === button.dataset.mode;
      if (follows) {
        button.dataset.hotkey = "m";
        button.dataset.hotkeyLabel = room().dataset.textMode || button.title;
      } else delete button.dataset.hotkey;
    }
    for (const button of all("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === shown));
    for (const button of all("[data-focus-on]")) button.setAttribute("aria-pressed", String(button.dataset.focusOn === focus));
    for (const button of all("[data-key]")) {
      const pane = button.closest("[data-pane]");
      if (pane.dataset.pane === focus) button.dataset.hotkey = button.dataset.key;
      else delete button.dataset.hotkey;
    }
    for (const button of all("[data-both]")) {
      const key = button.dataset.both === "approved" ? "Shift+A" : "Shift+X";
      const plain = button.dataset.both === "approved" ? " a p" : " x";
      button.dataset.hotkey = focus === "both" ? key + plain : key;
    }
    const label = room().querySelector("[data-zoom-label]");
    if (label) {
      label.dataset.fit ??= label.textContent;
      label.textContent = compare.percent ? `${compare.percent} %` : label.dataset.fit;
    }
    room().dataset.mode = mode;
    place();
  };
  // Toasts are placed by these: above the filmstrip, or on a small screen at the top of the picture.
  const place = () => {
    const cell = all(".pane__cell").find((one) => one.clientHeight);
    const strip = room().querySelector(".strip").getBoundingClientRect();
    doc.body.style.setProperty("--strip-height", `${Math.round(Math.max(0, innerHeight - strip.top))}px`);
    if (cell) doc.body.style.setProperty("--picture-top", `${Math.round(Math.max(0, cell.getBoundingClientRect().top))}px`);
  };
  addEventListener("resize", () => room() && place());
  doc.addEventListener("comparechange", refresh);

  // --- Panels -----------------------------------------------------------------------------------
  const panel = () => doc.getElementById("room-panel");
  const openPanel = (open) => {
    panelOpen = open;
    panel().hidden = !open;
    doc.getElementById("panel-toggle")?.setAttribute("aria-expanded", String(open));
  };
  const closeChanges = () => {
    const open = all(".changes:not([hidden])");
    for (const section of open) section.hidden = true;
    if (open.length && panel().dataset.kept === undefined) openPanel(false);
    return open.length > 0;
  };
  const openChanges = (letter) => {
    const wasOpen = !panel().hidden;
    closeChanges();
    const section = doc.getElementById(`changes-${letter}`);
    if (!section) return;
    if (wasOpen) panel().dataset.kept = "";
    else delete panel().dataset.kept;
    openPanel(true);
    section.hidden = false;
    view().focusOn(letter);
    section.querySelector("textarea").focus({ preventScroll: true });
    section.scrollIntoView({ block: "nearest" });
  };

  // --- Clicks -----------------------------------------------------------------------------------
  const decideBoth = (verdict) => {
    for (const form of all("form.verdicts")) {
      const pane = form.closest("[data-pane]");
      const button = form.querySelector(`button[value="${verdict}"]`);
      const stands = pane.querySelector("[data-verdict]")?.dataset.verdict;
      // A click, since htmx takes the verdict from the button that was clicked.
      if (button && stands !== verdict) button.click();
    }
  };
  doc.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    const compare = view();
    if (!compare || !room().contains(event.target)) return;
    let button;
    if ((button = hit("button[data-mode]"))) compare.mode = button.dataset.mode;
    else if ((button = hit("[data-focus-on]"))) compare.focusOn(button.dataset.focusOn);
    else if ((button = hit("[data-show]"))) {
      // Where panes lie on one another the original is held up; on a phone it is one of the pictures.
      const original = button.dataset.show === "original" && compare.mode !== "side";
      compare.hold(original);
      if (original) button.setAttribute("aria-pressed", "true");
      else compare.show(button.dataset.show);
    }
    else if ((button = hit("[data-zoom]"))) {
      const { zoom } = button.dataset;
      if (zoom === "toggle") compare.toggleZoom();
      else if (zoom === "fit") compare.fit();
      else compare.zoomBy(zoom === "in" ? 1.4 : 1 / 1.4);
    } else if (hit("[data-full-screen]")) {
      if (doc.fullscreenElement) doc.exitFullscreen();
      else doc.documentElement.requestFullscreen?.().catch(() => {});
    } else if (hit("[data-panel-toggle]")) {
      event.preventDefault();
      closeChanges();
      openPanel(panel().hidden);
    } else if ((button = hit("[data-changes]"))) {
      event.preventDefault();
      openChanges(button.dataset.changes);
    } else if (hit("[data-close-changes]")) {
      event.preventDefault();
      closeChanges();
      doc.getElementById(`changes-link-${compare.dataset.focus}`)?.focus();
    } else if ((button = hit("[data-both]"))) decideBoth(button.dataset.both);
    else if (hit("[data-keep]")) {
      event.preventDefault();
      load(location.pathname, false);
    }
  });

  // --- Keys that are held, or that mean something only while a panel is open ----------------------
  const silent = () => doc.body.dataset.shortcuts === "off" || doc.querySelector("dialog[open]");
  doc.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && !doc.querySelector("dialog[open]") && !doc.fullscreenElement && closeChanges()) {
        event.preventDefault();
        event.stopPropagation();
        doc.getElementById(`changes-link-${view().dataset.focus}`)?.focus();
        return;
      }
      const typing = event.target.closest?.("input:not([type=range]), textarea, select");
      if ((event.key === "`" || event.key === "o") && !typing && !silent() && !event.ctrlKey && !event.metaKey) view()?.hold(true);
    },
    true,
  );
  doc.addEventListener("keyup", (event) => (event.key === "`" || event.key === "o") && view()?.hold(false));
  addEventListener("blur", () => view()?.hold(false));

  // --- After a decision -------------------------------------------------------------------------
  const load = (url, push = true) => {
    const link = doc.getElementById("next-waiting");
    if (push && link && link.getAttribute("href") === url) link.click();
    else window.htmx.ajax("GET", url, { target: "#room", swap: "outerHTML", source: "#room" });
  };
  const undecided = () =>
    all("[data-verdict=waiting]").map((head) => head.closest("[data-pane]")).filter((pane) => pane.querySelector("form.verdicts"));
  doc.addEventListener("decided", () => {
    const next = room()?.dataset.next;
    closeChanges();
    clearTimeout(advancing);
    // Judged by the panes: the answers about A and B may arrive in either order.
    const [pane] = undecided();
    if (pane) view().focusOn(pane.dataset.pane);
    else if (next) advancing = setTimeout(() => load(next), ADVANCE_AFTER);
    refresh();
  });
  doc.addEventListener("undone", (event) => {
    clearTimeout(advancing);
    const form = doc.querySelector(`form.verdicts[data-output="${event.detail.output}"]`);
    if (form) view().focusOn(form.closest("[data-pane]").dataset.pane);
    refresh();
  });
  // The toast's undo, without leaving the room.
  doc.addEventListener("toast:undo", (event) => {
    if (!room() || !/\/results\/[^/]+\/undo$/.test(event.detail.url)) return;
    event.preventDefault();
    clearTimeout(advancing);
    window.htmx.ajax("POST", event.detail.url, { source: "#room", swap: "none" });
  });

  // --- A room that just arrived -----------------------------------------------------------------
  const settle = () => {
    if (!room() || room().dataset.ready !== undefined) return;
    room().dataset.ready = "";
    for (const part of all("[data-scripted]")) part.hidden = false;
    if (panelOpen) openPanel(true);
    else panelOpen = !panel().hidden;
    // Only the strip itself scrolls; scrollIntoView would move the page of a small screen too.
    const strip = room().querySelector(".strip__list");
    const here = strip.querySelector("[aria-current]");
    if (here) strip.scrollLeft = here.offsetLeft - strip.offsetLeft - strip.clientWidth / 2 + here.clientWidth / 2;
    for (const image of room().querySelector("template[data-prefetch]")?.content.querySelectorAll("img") ?? []) new Image().src = image.getAttribute("src");
    refresh();
  };
  doc.addEventListener("htmx:afterSettle", () => {
    settle();
    refresh();
  });
  doc.addEventListener("htmx:beforeHistorySave", () => clearTimeout(advancing));
  settle();
})();
