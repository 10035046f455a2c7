// Usage: docs.mjs PICTURE. Opens /docs in a browser, enters a token and updates user 2.
// USERAPI_URL and USERAPI_TOKEN must be those of a server that has user 2.
// It fails on a console error and on a request to another host.
import { chromium } from 'playwright-core'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'

const { USERAPI_URL: url, USERAPI_TOKEN: token } = process.env
const picture = process.argv[2]
const browser = await chromium.launch({
  executablePath: execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
  // Chromium itself must not reach other hosts either, so it resolves no name.
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const wrong = []
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== url) wrong.push(request.url())
  })

  await page.goto(`${url}/docs`)
  await page.getByRole('button', { name: 'Authorize' }).click()
  const bearer = page.locator('.auth-container').filter({ has: page.getByLabel('auth-bearer-value') })
  await bearer.locator('input').fill(token)
  await bearer.getByRole('button', { name: 'Apply credentials' }).click()
  await page.getByRole('button', { name: 'Close' }).first().click()

  const update = page.locator('#operations-users-updateUser')
  await update.locator('.opblock-summary-control').click()
  await update.getByRole('button', { name: 'Try it out' }).click()
  await update.getByPlaceholder('user_id').fill('2')
  await update.locator('textarea.body-param__text').fill('{"is_active": null}')
  await update.getByRole('button', { name: 'Execute' }).click()
  const live = update.locator('.live-responses-table .response').first()
  assert.match(await live.locator('.response-col_status').innerText(), /^200/)
  assert.equal(JSON.parse(await live.locator('.microlight').first().innerText()).is_active, null)

  for (const [width, file] of [[1280, picture], [400, picture.replace('.png', '-narrow.png')]]) {
    await page.setViewportSize({ width, height: 1600 })
    await update.getByText('Parameters', { exact: true }).first().evaluate((heading) => heading.scrollIntoView())
    await page.screenshot({ path: file })
  }
  assert.deepEqual(wrong, [])
} finally {
  await browser.close()
}
