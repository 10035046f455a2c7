// Reads /docs in a browser as a person would: node docs.mjs URL TOKEN PICTURE.
// It fails on a console error and on a request to another host.
import { chromium } from 'playwright-core'
import assert from 'node:assert/strict'

const [url, token, picture] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
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
  const bearer = page.locator('.auth-container').filter({ hasText: 'bearerToken' })
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

  await live.scrollIntoViewIfNeeded()
  await page.screenshot({ path: picture })
  await page.setViewportSize({ width: 400, height: 900 })
  await page.evaluate(() => window.scrollTo(0, 0))
  await page.screenshot({ path: picture.replace('.png', '-narrow.png') })
  assert.deepEqual(wrong, [])
} finally {
  await browser.close()
}
