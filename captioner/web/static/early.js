// Before anything is painted: the theme that was chosen, so that a dark room stays dark.
(() => {
  try {
    const { theme } = JSON.parse(localStorage.getItem('captioner.settings') ?? '{}');
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    // No storage, or damaged: the system's theme.
  }
  if (new URLSearchParams(location.search).has('overlay')) {
    document.documentElement.classList.add('overlay');
  }
})();
