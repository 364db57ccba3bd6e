// Hands the step of the exact numbers, and what a table selected, to the scrubber, which listens: see search.js. Draws nothing.

export default function ({ data }) {
  window.snowballExact = data
  document.dispatchEvent(new Event("snowball-exact"))
}
