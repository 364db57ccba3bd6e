// Hands the bookmarks of the run over to the scrubber, which listens: see bookmarks.js. Draws nothing itself.

const hand = data => {
  window.snowballBookmarks = data
  document.dispatchEvent(new Event("snowball-bookmarks"))
}

export default function ({ data }) {
  hand(data)
  return () => hand(null)
}
