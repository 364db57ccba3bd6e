// Counts over the run, events, learning rate and loss: they stand still under the cursor, an element of its own.

const LEFT = 46, RIGHT = 14, TOP = 18, STRIP = 44, GAP = 20, BOTTOM = 4

function drawCounts(side) {
  const { reel, where, scrubber: { theme, scale, axis, loop } } = side
  const { draw, width, height } = pen(side, "counts")
  // Loss and rate of a history from a file are not known: it has no strip.
  const strip = scale.strip ? STRIP : 0
  const bottom = height - strip - GAP - BOTTOM, top = TOP + 14
  const x = part => LEFT + part * (width - LEFT - RIGHT)
  const tallest = Math.log1p(1.1 * scale.tokens)
  const y = count => bottom - (Math.log1p(count) / tallest) * (bottom - top)
  side.countsWidth = width
  if (loop.length) {
    const [from, to] = [loop[0], loop[1] ?? loop[0]].map(index => x(axis.where[index]))
    draw.fillStyle = theme.cursor + "33"
    draw.fillRect(from, TOP, Math.max(2, to - from), height - TOP)
  }
  paintGrid(side.scrubber, draw, x, y, bottom, width)
  paintEvents(side, draw, x, top, bottom)
  // Counts of rows that are not finite would be drawn as black holes.
  const last = Math.min(reel.last, reel.header.finite - 1)
  for (const [column, [, , colours, dashes]] of Object.entries(reel.header.lines)) {
    draw.strokeStyle = colours[theme.dark ? 1 : 0]
    draw.setLineDash(dashes)
    draw.lineWidth = 2
    draw.beginPath()
    const values = reel[column]
    draw.moveTo(x(where[0]), y(values[0]))
    for (let i = 1; i <= last; i++) {
      if (values[i] === values[i - 1] && i < last) continue
      draw.lineTo(x(where[i]), y(values[i - 1]))
      draw.lineTo(x(where[i]), y(values[i]))
    }
    draw.stroke()
    if (last === 0) dot(draw, x(where[0]), y(values[0]), draw.strokeStyle)
  }
  draw.setLineDash([])
  if (strip) paintStrip(side, draw, x, height - strip - BOTTOM, height - BOTTOM, width)
}

function moveCursor({ reel, snapshot, where, countsWidth, cursor, told }) {
  const at = LEFT + where[snapshot] * (countsWidth - LEFT - RIGHT)
  cursor.style.transform = `translateX(${at - 1}px)`
  told.cursor.style.transform = `translateX(clamp(0px, ${at}px - 50%, ${countsWidth}px - 100%))`
  told.cursor.textContent = whole(reel.step[snapshot])
}

// A line of one step would not be seen.
function dot(draw, x, y, colour) {
  draw.fillStyle = colour
  draw.beginPath()
  draw.arc(x, y, 4, 0, 2 * Math.PI)
  draw.fill()
}

function paintGrid({ theme, axis, scale }, draw, x, y, bottom, width) {
  draw.strokeStyle = theme.rule
  draw.lineWidth = 1
  draw.fillStyle = theme.faint
  draw.textAlign = "right"
  let above = Infinity
  for (const count of [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter(count => count <= scale.tokens)) {
    if (above - y(count) < 15) continue
    above = y(count)
    draw.globalAlpha = 0.6
    draw.beginPath()
    draw.moveTo(LEFT, Math.round(above) + 0.5)
    draw.lineTo(width - RIGHT, Math.round(above) + 0.5)
    draw.stroke()
    draw.globalAlpha = 1
    draw.fillText(whole(count), LEFT - 7, above)
  }
  draw.textAlign = "center"
  let right = -Infinity
  for (const tick of axis.ticks) {
    const told = whole(tick), half = draw.measureText(told).width / 2
    if (x(axis.of(tick)) - half < right + 8) continue
    right = x(axis.of(tick)) + half
    draw.fillText(told, Math.min(x(axis.of(tick)), width - half - 1), bottom + 11)
  }
}

const LETTER_NUDGE = 8

function letters(kind) {
  return ["f", "m", "s", "e"].filter((_, bit) => kind & (1 << bit)).join("")
}

function paintEvents({ reel, where, scrubber: { theme } }, draw, x, top, bottom) {
  draw.strokeStyle = theme.faint
  draw.fillStyle = theme.faint
  draw.lineWidth = 1
  let right = -Infinity, ruled = -Infinity
  reel.event.forEach((snapshot, i) => {
    const at = x(where[snapshot]), told = letters(reel.kind[i]), half = draw.measureText(told).width / 2
    // Where events crowd, only some get a rule down to the axis, and every one its tick: a wall of rules would hide the lines.
    const apart = at - ruled >= 7
    if (apart) ruled = at
    draw.globalAlpha = 0.45
    draw.beginPath()
    draw.moveTo(Math.round(at) + 0.5, top)
    draw.lineTo(Math.round(at) + 0.5, apart ? bottom : top + 5)
    draw.stroke()
    draw.globalAlpha = 1
    // Beside a letter there is room for the next one a little to the right of its event.
    const place = Math.max(at, right + 3 + half)
    if (place - at > LETTER_NUDGE) return
    right = place + half
    draw.fillText(told, place, top - 7)
  })
}

function paintStrip({ reel, scrubber: { theme, axis } }, draw, x, top, bottom, width) {
  const curve = (values, colour, floor) => {
    if (!values || !values.length) return
    let low = floor, high = -Infinity
    for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)]
    draw.strokeStyle = colour
    draw.beginPath()
    let column = -1
    if (values.length === 1) dot(draw, x(axis.of(reel.loss_step[0])), values[0] > low ? top + 3 : bottom - 3, colour)
    for (let i = 0; i < values.length; i++) {
      const at = x(axis.of(reel.loss_step[i])), down = bottom - 3 - ((values[i] - low) / (high - low || 1)) * (bottom - top - 6)
      column < 0 ? draw.moveTo(at, down) : draw.lineTo(at, down)
      column = at
    }
    draw.stroke()
  }
  draw.fillStyle = theme.rule
  draw.globalAlpha = 0.25
  draw.fillRect(LEFT, top, width - LEFT - RIGHT, bottom - top)
  draw.globalAlpha = 1
  draw.lineWidth = 1.2
  curve(reel.rate, theme.cursor, 0)
  curve(reel.loss, theme.faint, Infinity)
  draw.textAlign = "right"
  draw.fillStyle = theme.faint
  draw.fillText("loss", LEFT - 7, top + 12)
  draw.fillStyle = theme.dark ? theme.cursor : "#8A6500"
  draw.fillText("rate", LEFT - 7, top + 30)
}
