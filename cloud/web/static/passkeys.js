// Passkeys: the browser makes or uses one, and the form around the button sends it. The page has the words.

const form = document.querySelector('[data-passkey]')

const toBytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), character => character.charCodeAt(0))
const toText = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

const ceremonies = {
  async create () {
    const options = JSON.parse(form.dataset.options)
    options.challenge = toBytes(options.challenge)
    options.user.id = toBytes(options.user.id)
    for (const known of options.excludeCredentials) known.id = toBytes(known.id)
    const made = await navigator.credentials.create({ publicKey: options })
    return [made, { attestationObject: toText(made.response.attestationObject) }]
  },

  async get () {
    const answer = await fetch(form.dataset.from)
    if (!answer.ok) throw new Error(answer.status)
    const options = await answer.json()
    options.challenge = toBytes(options.challenge)
    const used = await navigator.credentials.get({ publicKey: options })
    const { authenticatorData, signature, userHandle } = used.response
    return [used, { authenticatorData: toText(authenticatorData), signature: toText(signature), userHandle: toText(userHandle) }]
  }
}

function show (problem) {
  const all = [...form.querySelectorAll('[data-problem]')]
  const shown = problem && (all.find(each => each.dataset.problem === problem.name) ?? all.find(each => !each.dataset.problem))
  for (const each of all) each.hidden = each !== shown
}

async function run (event) {
  event.preventDefault()
  const [button] = form.getElementsByTagName('button')
  button.disabled = true // a second request would abort the first
  show(null)
  try {
    const [credential, response] = await ceremonies[form.dataset.passkey]()
    const clientDataJSON = toText(credential.response.clientDataJSON)
    form.elements.credential.value = JSON.stringify({
      id: credential.id, rawId: toText(credential.rawId), type: credential.type, response: { clientDataJSON, ...response }
    })
    form.submit()
  } catch (problem) {
    show(problem)
    button.disabled = false
  }
}

if (form && 'PublicKeyCredential' in window) {
  form.hidden = false
  document.querySelector('[data-without-passkeys]')?.remove()
  form.querySelector('[autofocus]')?.focus()
  form.addEventListener('submit', run)
  addEventListener('pageshow', event => { if (event.persisted) location.reload() }) // back after signing in: the button is disabled
}
