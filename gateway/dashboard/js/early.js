// Before the first paint: the colours that were chosen last time.
(() => {
  try {
    const theme = localStorage.getItem("bookmill.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing uses what the system prefers.
  }
})();
