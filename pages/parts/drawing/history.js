// One entry of the browser's history a page: Streamlit makes one whenever the server writes the address. Here a new entry needs
// another page that somebody went to; everything else replaces the entry that is shown.
(() => {
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history)
  const shared = ["run", "step", "group", "unit", "select", "axis"]
  let left = null  // the address at the last click or key, until it led to another page
  for (const kind of ["click", "keydown"]) addEventListener(kind, () => { left = location.href }, true)
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? location.href, location.href)
    const isAnotherPage = to.pathname !== location.pathname
    if (!isAnotherPage || left === null) return replace(state, title, url)
    replace(history.state, "", left)  // the query of the page to come is written a moment before its path
    left = null
    return push(state, title, url)
  }
  // A link of the navigation that is copied or opened in another tab leads to the same run.
  const complete = event => {
    const link = event.target.closest?.("a[data-testid^='stTopNavLink'], a[data-testid='stTopNavDropdownLink']")
    if (!link) return
    const to = new URL(link.href), here = new URLSearchParams(location.search)
    to.search = new URLSearchParams(shared.filter(name => here.has(name)).map(name => [name, here.get(name)])).toString()
    link.href = to.href
  }
  for (const kind of ["pointerdown", "focusin", "contextmenu"]) addEventListener(kind, complete, true)
})()
