// The page of one lamp: sends what the switch and the sliders ask for, and shows what the lamp reports, and whether a
// reset is requested at it.

const SEND_MILLISECONDS = 100
const SETTLE_MILLISECONDS = 1500 // how long after an answer reports of earlier requests may still arrive
const PATIENCE_MILLISECONDS = 400 // most answers arrive sooner, and need no word
const GIVE_UP_MILLISECONDS = 12000
const POLL_MILLISECONDS = 1000
const POLLS_BEFORE_STREAM = 30
const SAME_VALUE = 0.015 // lamps round the values that they are set to

const lamp = document.getElementById('lamp')
const power = document.getElementById('power')
const says = document.getElementById('says')
const presence = document.getElementById('presence')
const reset = document.getElementById('reset')
const notice = document.getElementById('reset-notice')
const form = document.getElementById('sliders')
const sliders = [...form.querySelectorAll('input[type=range]')]
const { stream, state, session } = lamp.dataset
const language = document.documentElement.lang

let view = JSON.parse(lamp.dataset.view)
let wanted = {} // what was asked for and is shown until the lamp has answered
const held = new Set() // sliders under a finger
const unsent = new Set() // form fields
let requestedAt = '' // of the last request that was accepted
let sending = false
let failed = false
let releaseAt = view.release_at ?? null // as the notice says
let sendAt = 0
let sendTimer
let settleTimer
let patienceTimer

const reported = () => ({ on: view.on, hue: view.color?.h ?? null, saturation: view.color?.s ?? null, brightness: view.brightness })
const shown = () => ({ ...reported(), ...wanted })
const measured = (value, unit, unitDisplay) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay }).format(value)

function render () {
  const now = shown()
  power.disabled = now.on === null
  power.setAttribute('aria-checked', String(Boolean(now.on)))
  power.value = String(!now.on)
  form.querySelector('fieldset').disabled = now.hue === null || now.brightness === null
  for (const slider of sliders) {
    const value = now[slider.id]
    const position = value === null ? 0 : Math.round(value * slider.max)
    if (!held.has(slider.id)) slider.value = position
    slider.setAttribute('aria-valuetext', measured(position, slider.dataset.unit, 'long'))
    slider.parentElement.querySelector('.value').textContent = value === null ? '' : measured(position, slider.dataset.unit, 'narrow')
  }
  const hue = Math.round((now.hue ?? 0) * 360)
  lamp.style.setProperty('--hue', `hsl(${hue} 100% 50%)`)
  lamp.style.setProperty('--shade', `hsl(${hue} 100% ${100 - 50 * (now.saturation ?? 0)}%)`)
  lamp.style.setProperty('--light', now.on ? 0.25 + 0.75 * (now.brightness ?? 1) : 0)
  presence.textContent = view.connected ? presence.dataset.up : presence.dataset.down
  presence.previousElementSibling.classList.toggle('off', !view.connected)
  renderReset()
  say()
}

// Shows the notice of a reset once it is requested, and that it was refused, here or elsewhere. A status element, so
// that screen readers announce both.
function renderReset () {
  const releasedAt = view.release_at ?? null // an older server doesn't say
  if (releasedAt === releaseAt) return
  releaseAt = releasedAt
  if (releaseAt) {
    const fresh = notice.content.cloneNode(true)
    fresh.querySelector('time').dateTime = releaseAt
    showTimes(fresh) // of page.js
    reset.replaceChildren(fresh)
  } else {
    const said = document.createElement('p')
    said.className = 'said'
    said.textContent = reset.dataset.refused
    reset.replaceChildren(said)
  }
}

// Says the most important sentence; that a request is pending only if the lamp takes longer than usual.
function say () {
  const key = failed ? 'unsent' : view.says
  if (key !== 'pending') {
    clearTimeout(patienceTimer)
    patienceTimer = undefined
    write(key)
  } else {
    patienceTimer ??= setTimeout(() => write('pending'), PATIENCE_MILLISECONDS)
  }
}

function write (key) {
  const sentence = key ? says.dataset[key] : ''
  if (says.textContent !== sentence) says.textContent = sentence
}

function ask (name, value) {
  wanted[name] = value
  unsent.add(name)
  failed = false
  clearTimeout(settleTimer)
  render()
  schedule()
}

function schedule () {
  if (sending || sendTimer) return
  sendTimer = setTimeout(send, Math.max(0, sendAt - Date.now()))
}

async function send () {
  sendTimer = undefined
  sending = true
  sendAt = Date.now() + SEND_MILLISECONDS
  const names = [...unsent]
  unsent.clear()
  try {
    const answer = await fetch(location.href, { method: 'POST', body: fieldsOf(names), headers: { Accept: 'application/json' } })
    if (answer.status === 429) { // send it later, unless it has changed meanwhile
      for (const name of names) unsent.add(name)
      sendAt = Date.now() + 1000 * Number(answer.headers.get('Retry-After') ?? 1)
    } else if (answer.status >= 500) {
      fail()
    } else if (!answer.ok || answer.redirected) { // signed out, released, or the page has expired
      location.reload()
    } else {
      const fresh = await answer.json()
      requestedAt = fresh.request.requested_at
      view = { ...fresh, release_at: view.release_at } // the stream may have brought a later one
    }
  } catch {
    fail()
  }
  sending = false
  if (unsent.size) schedule()
  settle()
}

function fieldsOf (names) {
  const fields = new URLSearchParams({ csrf_token: form.elements.csrf_token.value })
  const now = shown()
  const parts = new Set(names.flatMap(name => name === 'hue' || name === 'saturation' ? ['hue', 'saturation'] : [name]))
  for (const name of parts) {
    fields.set(name, name === 'on' ? now.on : Math.round(now[name] * document.getElementById(name).max))
  }
  return fields
}

function fail () {
  wanted = {}
  unsent.clear()
  failed = true
}

function take (fresh) {
  if (fresh === null) {
    location.reload() // the lamp was released
    return
  }
  view = fresh
  settle()
}

// Shows the lamp's reports again once it has answered the last request, or is not expected to.
function settle () {
  clearTimeout(settleTimer)
  if (!sending && !unsent.size && !held.size && Object.keys(wanted).length) {
    const isAnswered = view.request && view.request.requested_at >= requestedAt && view.request.outcome !== 'pending'
    const isSame = Object.entries(wanted).every(([name, value]) => Math.abs(reported()[name] - value) <= SAME_VALUE)
    if (isAnswered && (isSame || view.request.outcome === 'unanswered')) wanted = {}
    else settleTimer = setTimeout(() => { wanted = {}; render() }, isAnswered ? SETTLE_MILLISECONDS : GIVE_UP_MILLISECONDS)
  }
  render()
}

power.form.addEventListener('submit', event => {
  event.preventDefault()
  ask('on', !shown().on)
})
form.addEventListener('submit', event => event.preventDefault())
for (const slider of sliders) {
  slider.addEventListener('input', () => {
    const before = shown()
    const value = slider.value / slider.max
    if (slider.id === 'brightness' && before.on === false && value > before.brightness) ask('on', true) // as on the lamp's screen
    ask(slider.id, value)
  })
  slider.addEventListener('pointerdown', () => held.add(slider.id))
  for (const end of ['pointerup', 'pointercancel', 'blur']) {
    slider.addEventListener(end, () => {
      if (held.delete(slider.id)) settle()
    })
  }
}

// Receives the lamp's reports until the signal: from a stream, or by polling while the server refuses one.
function follow (signal) {
  let events
  let timer
  const open = () => {
    events = new EventSource(`${stream}?session=${session}`)
    events.addEventListener('state', event => take(JSON.parse(event.data)))
    events.onerror = () => { if (events.readyState === EventSource.CLOSED) poll(POLLS_BEFORE_STREAM) }
  }
  const poll = async left => {
    try {
      const answer = await fetch(`${state}?session=${session}`)
      if (signal.aborted) return
      if (answer.status === 401 || answer.status === 404) location.reload()
      else if (answer.ok) take(await answer.json())
    } catch {
      // no network: retry
    }
    if (!signal.aborted) timer = setTimeout(() => left > 1 ? poll(left - 1) : open(), POLL_MILLISECONDS)
  }
  signal.addEventListener('abort', () => {
    events?.close()
    clearTimeout(timer)
  })
  open()
}

let visit = null
function show () {
  visit?.abort()
  visit = document.hidden ? null : new AbortController()
  if (visit) follow(visit.signal)
}
addEventListener('visibilitychange', show)
addEventListener('pagehide', () => visit?.abort())
addEventListener('pageshow', event => { if (event.persisted) location.reload() })
render()
show()
