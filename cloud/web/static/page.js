// Progressive enhancement: local times and live updates. Without scripts, every page works after a manual reload.
'use strict'

const POLL_MILLISECONDS = 3000
const POLLS_BEFORE_STREAM = 20
const live = () => document.querySelector('[data-live]')
let fetching = false
let again = false

function showTimes (within) {
  const language = document.documentElement.lang
  const locale = navigator.languages.find(name => name.split('-')[0] === language) ?? language // en-GB rather than en
  const today = new Date().toDateString()
  for (const time of within.querySelectorAll('time')) {
    const instant = new Date(time.dateTime)
    const date = instant.toDateString() === today && !('dated' in time.dataset) ? {} : { dateStyle: 'medium' }
    time.textContent = new Intl.DateTimeFormat(locale, { ...date, timeStyle: 'short' }).format(instant)
  }
}

// Returns what screen readers are to announce when it changes.
function progressIn (section) {
  return [...section.querySelectorAll('[data-progress]')].map(each => each.textContent).join(' ')
}

// Replaces the live section with a fresh copy from the server and keeps the keyboard focus.
async function renew () {
  if (fetching) {
    again = true
    return
  }
  fetching = true
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' } })
    if (answer.status >= 500) {
      again = true // the service is unavailable: keep the old content rather than show an error page
      return
    }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const fresh = page.querySelector('[data-live]')
    const sameLanguage = page.documentElement.lang === document.documentElement.lang
    if (!answer.ok || !sameLanguage || fresh?.dataset.session !== live().dataset.session) { // signed out, or signed in as another user
      location.reload()
      return
    }
    const focused = live().contains(document.activeElement) ? document.activeElement.id : ''
    showTimes(fresh)
    showCopying(fresh)
    const before = progressIn(live())
    live().replaceWith(document.adoptNode(fresh))
    countDown()
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
    const progress = progressIn(fresh)
    const announcement = document.getElementById('announcement')
    if (announcement && progress !== before) announcement.textContent = progress
  } catch {
    again = true // no network: retry
  } finally {
    fetching = false
    if (again) {
      again = false
      setTimeout(renew, POLL_MILLISECONDS)
    }
  }
}

// Returns the server's state hash after updating the page to it, undefined if there was no answer.
async function look ({ stream, session }) {
  try {
    const answer = await fetch(`${stream}/state?session=${session}`)
    if (answer.status === 401) location.reload()
    if (!answer.ok) return
    const state = await answer.text()
    changed(state)
    return state
  } catch {
    // no network: retry
  }
}

function changed (state) {
  if (fetching || state !== live().dataset.live) renew()
}

// Keeps the page up to date while it is visible. A Web Lock elects one visible tab of the browser, which receives the
// events and passes them on to the others: over HTTP/1.1 a browser has only six connections to a server.
function follow () {
  const source = { ...live().dataset }
  const name = `lampi ${source.stream} ${source.session}` // tabs of another session have their own
  const shared = 'locks' in navigator && 'BroadcastChannel' in window
  const channel = shared ? new BroadcastChannel(name) : null
  let visit = null
  if (channel) channel.onmessage = event => { if (visit) changed(event.data) }

  // Receives events until the signal: from a stream, or by polling while the server refuses one.
  function receive (signal) {
    return new Promise(resolve => {
      let events
      let timer
      const open = () => {
        events = new EventSource(`${source.stream}?seen=${live().dataset.live}&session=${source.session}`)
        events.addEventListener('change', event => {
          changed(event.data)
          channel?.postMessage(event.data)
        })
        events.onerror = () => { if (events.readyState === EventSource.CLOSED) poll(POLLS_BEFORE_STREAM) }
      }
      const poll = async left => {
        const state = await look(source)
        if (signal.aborted) return
        if (state) channel?.postMessage(state)
        timer = setTimeout(() => left > 1 ? poll(left - 1) : open(), POLL_MILLISECONDS)
      }
      if (signal.aborted) {
        resolve()
        return
      }
      signal.addEventListener('abort', () => {
        events?.close()
        clearTimeout(timer)
        resolve()
      })
      channel?.postMessage(live().dataset.live) // a tab may have missed an event while no tab received any
      if ('EventSource' in window) open()
      else poll(Infinity)
    })
  }

  async function show () {
    visit = new AbortController()
    const { signal } = visit
    if (!shared) {
      await receive(signal)
      return
    }
    try {
      const received = await navigator.locks.request(name, { ifAvailable: true }, lock => lock && receive(signal).then(() => true))
      if (received || signal.aborted) return
      look(source) // an event may have passed since the page was rendered
      await navigator.locks.request(name, { signal }, () => receive(signal))
    } catch {
      if (!signal.aborted) receive(signal) // the browser denies locks to this page
    }
  }

  function hide () {
    visit?.abort()
    visit = null
  }

  addEventListener('visibilitychange', () => {
    hide()
    if (!document.hidden) show()
  })
  addEventListener('pagehide', () => {
    hide()
    channel?.close()
  })
  // Safari keeps the page in memory for the back button if it was loaded over HTTP; its channel is closed by now.
  addEventListener('pageshow', event => { if (event.persisted) location.reload() })
  if (!document.hidden) show()
}

// Counts down what is left of an offer since the page was rendered, and reloads the page at the end.
function countDown () {
  for (const left of document.querySelectorAll('[data-left]')) {
    left.endsAt ??= performance.now() + left.dataset.left * 1000
    const seconds = Math.max(0, Math.ceil((left.endsAt - performance.now()) / 1000))
    const minutes = Math.floor(seconds / 60)
    left.textContent = `${minutes}:${String(seconds % 60).padStart(2, '0')}`
    if (seconds === 0) location.reload()
  }
}

// Shows the buttons that copy a field, where the browser lets a page copy: over HTTPS and on localhost.
function showCopying (within) {
  for (const button of within.querySelectorAll('[data-copy]')) {
    button.hidden = !navigator.clipboard
    button.onclick = async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value)
      button.textContent = button.dataset.copied
    }
  }
}

// On the "Service temporarily unavailable" page: reloads as soon as the service responds.
async function awaitReturn () {
  try {
    const answer = await fetch(location.href, { method: 'HEAD' })
    if (answer.status < 500) {
      location.reload()
      return
    }
  } catch {
    // no network: retry
  }
  setTimeout(awaitReturn, POLL_MILLISECONDS)
}

showTimes(document)
showCopying(document)
if (document.querySelector('[data-left]')) {
  countDown()
  setInterval(countDown, 1000)
}
if (document.querySelector('[data-awaits-return]')) setTimeout(awaitReturn, POLL_MILLISECONDS)
if (live()) follow()
