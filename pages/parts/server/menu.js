// On a narrow screen Streamlit puts the menu of the pages over the page: a choice closes it.
addEventListener("click", event => {
  if (innerWidth >= 768 || !event.target.closest?.("a[data-testid='stSidebarNavLink']")) return
  // Afterwards: the link is answered by Streamlit first.
  setTimeout(() => document.querySelector("[data-testid='stSidebarCollapseButton'] button")?.click())
}, true)
