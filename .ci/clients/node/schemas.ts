// Asks the zod schemas of @hey-api/openapi-ts and the server about the same bodies, good and bad. They agree, except where a body says why they do not.
import assert from 'node:assert/strict'
import type { ZodType } from 'zod'
import * as schemas from './api/zod/zod.gen.js'

const { SERVER_URL: baseUrl, TOKEN: token } = process.env

const forms = 'a pattern says only what all languages have in common, and the server checks x-form too'
const rules = 'the schema of one member does not see the others, or the path'
const address = 'z.email() wants a top-level domain, and knows fewer characters'
const open = 'zod drops unknown members, because the plugin does not write additionalProperties: false'
const surrogates = 'a regular expression without the flag u takes a lone surrogate for a character'

interface Body {
  body: unknown
  differs?: string // why schema and server disagree
}

const bodies = (...all: unknown[]): Body[] => all.map((body) => ({ body }))
const differ = (differs: string, ...all: unknown[]): Body[] => all.map((body) => ({ body, differs }))
const whole: Body[] = bodies([], 'text', 7, true, null)

let names = 0
const user = (members = {}) => ({ nick_name: `name-${names++}`, password: 'correct horse', enterprise_id: 'default', ...members })
const twice = (password: unknown, members = {}) => ({ password, password1: password, ...members })
const passwords = ['12345678', 'a'.repeat(128), 'correct\u3000horse', '\uac01'.repeat(8), '🔑🐎🔋📎🔑🐎🔋📎', '1234567', 'a'.repeat(129), '', 'tab\tinside', 'del\x7finside', null, 12345678, ['12345678']]

const badPasswords = ['e\u0301'.repeat(4), '\u1100\u1161'.repeat(4), 'correct\u200bhorse', 'correct\u00adhorse', '\ufeffcorrect horse', '❤\ufe0f horses', 'a\ufdd0bcdefgh', 'a\u0378bcdefgh']

const operations: { method: string; path: string; schema: ZodType; bodies: Body[] }[] = [
  {
    method: 'PUT', path: 'users/2', schema: schemas.zUpdateUserBody,
    bodies: [
      ...bodies(
        {}, { is_active: null }, { is_active: false }, { is_active: true }, { is_active: '' }, { is_active: 'true' }, { is_active: 0 }, { is_active: [] },
        ...passwords.map((password) => ({ password })),
        { enterprise_id: 'A-z_0.9' }, { enterprise_id: '' }, { enterprise_id: 'a b' }, { enterprise_id: 'é' }, { enterprise_id: null }, { enterprise_id: 7 },
        { enterprise_id: 'e'.repeat(64) }, { enterprise_id: 'e'.repeat(65) },
        { email: 'ada@example.com' }, { email: "o'ada+1@a-b.example.org" }, { email: '' }, { email: null }, { email: 'ada' }, { email: 'a@b@example.com' },
        { email: '.ada@example.com' }, { email: 'a..b@example.com' }, { email: 'ada@-a.example' }, { email: 'Ada <ada@example.com>' }, { email: 'é@example.com' },
        { email: `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}` },
        { email: `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(62)}` },
        { phone: '' }, { phone: '1'.repeat(32) }, { phone: '1'.repeat(33) }, { phone: 'a\nb' }, { phone: null }, { phone: 1 }, { phone: '\x00' }, { phone: '𝟙'.repeat(32) }, { phone: '𝟙'.repeat(33) },
        { phone: '1', is_active: null, email: 'grace@example.com' }, { phone: '1', is_active: 'null' },
      ),
      ...differ(open, { is_actve: true }, { nick_name: 'ada' }, { IS_ACTIVE: true }, { user_id: 2 }),
      ...differ(address, { email: 'ada@localhost' }, { email: '!#$%&@example.com' }),
      ...differ(forms, { phone: 'a\x85b' }, { password: 'a\x9fbcdefgh' }, ...badPasswords.map((password) => ({ password })), { email: `${'a'.repeat(65)}@example.com` }),
      ...differ(surrogates, { phone: '\ud800' }),
      ...whole,
    ],
  },
  {
    method: 'POST', path: 'users', schema: schemas.zCreateUserBody,
    bodies: [
      ...bodies(
        user(), user({ is_active: null }), user({ is_active: false }), user({ is_active: 'no' }), user({ origion: 'import' }), user({ origion: '' }), user({ origion: null }),
        user({ origion: 'o'.repeat(33) }), user({ email: 'new@example.com', phone: '1' }), user({ email: null }), user({ phone: null }),
        {}, { nick_name: 'nobody' }, { ...user(), password: undefined }, { ...user(), enterprise_id: undefined },
        user({ nick_name: 'Zoë' }), ...['李小龙', '1号', 'محمد', 'علی\u200cرضا', 'क्\u200dष', 'Иван', 'ｱﾀﾞ', 'ｚｏｅ'].map((nick_name) => user({ nick_name })), user({ nick_name: '𠀀'.repeat(64) }), user({ nick_name: '𠀀'.repeat(65) }), user({ nick_name: 'n'.repeat(64) }), user({ nick_name: 'n'.repeat(65) }), user({ nick_name: '' }), user({ nick_name: null }),
        user({ nick_name: 'a/b' }), user({ nick_name: 'a@b' }), user({ nick_name: 'a b' }), user({ nick_name: 'a\tb' }), user({ nick_name: 7 }),
        ...passwords.map((password) => user({ password })),
      ),
      ...differ(open, user({ role: 'administrator' })),
      ...differ(
        forms,
        ...['a\u00a0b', 'a\u200bb', 'a\u00adb', 'a\u202eb', '\u3164', 'a\ufe0f', '\u0301a', 'a\ufdd0', 'a\uffffb', 'a\u200d', 'a\uff20b', 'a\uff0fb', 'a\u3000b', 'a\u05d0', '1\u0627', '😀']
          .map((nick_name) => user({ nick_name })),
        ...badPasswords.map((password) => user({ password })),
      ),
      ...whole,
    ],
  },
  {
    method: 'PUT', path: 'users/2/changepwd', schema: schemas.zChangePasswordBody,
    bodies: [
      ...bodies(
        ...passwords.map((password) => twice(password, { user_id: 2 })),
        twice('correct horse'), { user_id: 2 }, ...['2', 2.5, 0, -1, 2 ** 31, null].map((user_id) => twice('correct horse', { user_id })),
      ),
      ...differ(forms, ...badPasswords.map((password) => twice(password, { user_id: 2 }))),
      ...differ(rules, { user_id: 2, password: 'correct horse', password1: 'battery staple' }, twice('correct horse', { user_id: 3 })),
      ...differ(open, twice('correct horse', { user_id: 2, password2: 'correct horse' })),
      ...whole,
    ],
  },
  {
    method: 'PUT', path: 'changepwd', schema: schemas.zChangeOwnPasswordBody,
    bodies: [
      ...bodies(...passwords.map((password) => twice(password)), {}, { password: 'correct horse' }),
      ...differ(forms, ...badPasswords.map((password) => twice(password))),
      ...differ(rules, { password: 'correct horse', password1: 'battery staple' }),
      ...whole,
    ],
  },
  {
    method: 'POST', path: 'administrators', schema: schemas.zCreateAdministratorBody,
    bodies: [
      ...bodies(
        { user_id: '2', eid: 'default' }, { user_id: '99', eid: 'default' }, { user_id: 'abc', eid: 'default' }, { user_id: 2, eid: 'default' }, { user_id: '2' },
        { eid: 'default' }, { user_id: '2', eid: 'a b' }, { user_id: '2', eid: null }, { user_id: '', eid: 'default' }, { user_id: '1'.repeat(65), eid: 'default' },
      ),
      ...differ(open, { user_id: '2', eid: 'default', enterprise_id: 'default' }),
      ...whole,
    ],
  },
  {
    method: 'POST', path: 'auth-token', schema: schemas.zCreateAuthTokenBody,
    bodies: [
      ...bodies(
        ...['default/ada', 'ada@example.com', 'ada', '', 'a\nb', null, 7].map((username) => ({ username, password: 'correct horse' })),
        ...['p', '', 'a\nb', 'p'.repeat(512), 'p'.repeat(513), '\u200b', null, 7].map((password) => ({ username: 'default/ada', password })), {}, { username: 'default/ada' },
      ),
      ...differ(open, { username: 'default/ada', password: 'correct horse', remember: true }),
      ...whole,
    ],
  },
]

for (const { method, path, schema, bodies } of operations) {
  for (const { body, differs } of bodies) {
    const answer = await fetch(`${baseUrl}/openapi/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    const agree = schema.safeParse(body).success !== [400, 422].includes(answer.status)
    assert.equal(agree, differs === undefined, `${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${text} (${differs})`)
  }
}
