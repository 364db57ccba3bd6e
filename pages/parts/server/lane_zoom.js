// Vega zooms and drags the lanes of Lineage. What it cannot: where the whole run is in view a wheel that would zoom out scrolls
// the page, and a drag moves nothing; zoomed out again the whole run is shown; a click at the end of a drag picks nothing.
{
  const zooms = new WeakMap() // the drawing of the lanes → logarithm of what is in view, 0 or unknown: the whole run
  const lanes = ({ target }) => target instanceof Element && target.closest(".st-key-lanes") && target.closest("canvas, svg.marks")
  let drag = null
  addEventListener("wheel", event => {
    const drawing = lanes(event)
    if (!drawing) return
    const before = zooms.get(drawing) ?? 0, after = Math.min(0, before + event.deltaY * 16 ** event.deltaMode)
    if (event.ctrlKey || after === 0) event.stopPropagation()
    if (event.ctrlKey || before === after) return
    zooms.set(drawing, after)
    if (after < 0) return
    event.preventDefault()
    event.target.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }))
  }, { capture: true, passive: false })
  addEventListener("dblclick", event => zooms.delete(lanes(event)), true)
  addEventListener("pointerdown", event => {
    const drawing = lanes(event)
    drag = drawing && { drawing, x: event.clientX, far: 0 }
  }, true)
  addEventListener("pointermove", event => {
    if (!drag || !(event.buttons & 1)) return
    drag.far = Math.max(drag.far, Math.abs(event.clientX - drag.x))
    if (!zooms.get(drag.drawing)) event.stopImmediatePropagation()
  }, true)
  addEventListener("click", event => {
    if (drag?.far > 4 && lanes(event)) event.stopPropagation()
  }, true)
}
