// Progressive enhancement: local times and live updates. Without scripts, every page works after a manual reload.
'use strict'

const POLL_MILLISECONDS = 3000
const live = () => document.querySelector('[data-live]')
let fetching = false
let again = false

function showTimes (within) {
  const today = new Date().toDateString()
  for (const time of within.querySelectorAll('time')) {
    const instant = new Date(time.dateTime)
    const date = instant.toDateString() === today ? {} : { dateStyle: 'medium' }
    time.textContent = new Intl.DateTimeFormat(undefined, { ...date, timeStyle: 'short' }).format(instant)
  }
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
    if (!answer.ok || !fresh) {
      location.reload()
      return
    }
    const focused = live().contains(document.activeElement) ? document.activeElement.id : ''
    showTimes(fresh)
    live().replaceWith(document.adoptNode(fresh))
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
    const progress = fresh.querySelector('[data-progress]')
    const announcement = document.getElementById('announcement')
    if (progress && announcement && announcement.textContent !== progress.textContent) announcement.textContent = progress.textContent
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

async function look () {
  try {
    const answer = await fetch('/live/state')
    if (answer.status === 401) location.reload()
    if (answer.ok && await answer.text() !== live().dataset.live) await renew()
  } catch {
    // no network: retry
  }
  setTimeout(look, POLL_MILLISECONDS)
}

function follow () {
  const events = new EventSource('/live?seen=' + live().dataset.live)
  events.addEventListener('change', renew)
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) look()
  }
  addEventListener('pagehide', () => events.close())
  addEventListener('pageshow', event => { if (event.persisted) location.reload() })
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
if (document.querySelector('[data-away]')) setTimeout(awaitReturn, POLL_MILLISECONDS)
if (live()) {
  if ('EventSource' in window) follow()
  else look()
}
