"use strict";
// Shows one epoch at a time: the one of the slider, the arrow keys, the play button, or of the address (#epoch).
(() => {
  const INTERVAL_MS = 500;
  const epochs = [...document.querySelectorAll("section.epoch")];
  const marks = [...document.querySelectorAll("circle")];
  const [slider, play, shown] = ["slider", "play", "shown"].map((id) => document.getElementById(id));
  let timer = null;

  function show(index) {
    const kept = Math.min(Math.max(index, 0), epochs.length - 1);
    const epoch = epochs[kept].dataset.epoch;
    epochs.forEach((section, other) => { section.hidden = other !== kept; });
    for (const mark of marks) mark.classList.toggle("shown", mark.dataset.epoch === epoch);
    slider.value = kept;
    slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    shown.textContent = `epoch ${epoch}`;
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "\u25B6";
    play.setAttribute("aria-label", "play");
  }

  function advance() {
    show(Number(slider.value) + 1);
    if (Number(slider.value) === epochs.length - 1) pause();
  }

  function toggle() {
    if (timer !== null) return pause();
    if (Number(slider.value) === epochs.length - 1) show(0);
    timer = setInterval(advance, INTERVAL_MS);
    play.textContent = "\u275A\u275A";
    play.setAttribute("aria-label", "pause");
  }

  const KEYS = {
    ArrowLeft: () => show(Number(slider.value) - 1),
    ArrowRight: () => show(Number(slider.value) + 1),
    Home: () => show(0),
    End: () => show(epochs.length - 1),
    " ": toggle,
  };

  function onKey(event) {
    const inButton = event.key === " " && event.target.closest("button, summary");
    if (!(event.key in KEYS) || inButton || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    KEYS[event.key]();
  }

  function showAddressed() {
    const index = epochs.findIndex((section) => `#${section.dataset.epoch}` === location.hash);
    show(Math.max(index, 0));
  }

  slider.min = 0;
  slider.max = epochs.length - 1;
  slider.addEventListener("input", () => show(Number(slider.value)));
  play.addEventListener("click", toggle);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", showAddressed);
  for (const part of document.querySelectorAll(".controls")) part.hidden = false;
  showAddressed();
})();
