// Hands the measure that colours the positions to the scrubber, which listens: see colours.js. Draws nothing.

export default function ({ data }) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data), buffer = bytes.slice().buffer
  const length = new DataView(buffer).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  window.snowballMeasure = { ...header, values: new Float32Array(buffer, 4 + length) }
  document.dispatchEvent(new Event("snowball-measure"))
}
