// Usage: docs.mjs DIRECTORY. Opens / in a browser, which leads to /docs, enters a token and updates
// user 2: at three widths, in light and in dark colours. It writes a picture of each into DIRECTORY.
// SERVER_URL and TOKEN must be those of a server that has user 2.
// It fails on a console error, on a request to another host, and if the page does not fit.
import { chromium } from 'playwright-core'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'

const { SERVER_URL: url, TOKEN: token } = process.env
const directory = process.argv[2]
const browser = await chromium.launch({
  executablePath: execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
  // Chromium itself must not reach other hosts either, so it resolves no name.
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
})

// requireFit fails if anything scrolls sideways, or if a button covers code.
async function requireFit(page) {
  assert.deepEqual(await page.evaluate(() => {
    const name = (element) => `${element.tagName} ${element.getAttribute('class')}`
    const root = document.documentElement
    const wide = [...document.querySelectorAll('body *')].filter((element) => element.clientWidth > 0 &&
      element.scrollWidth > element.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(element).overflowX))
    const code = [...document.querySelectorAll('.microlight')].map((element) => element.getBoundingClientRect())
    const covering = [...document.querySelectorAll('.copy-to-clipboard, .download-contents')].filter((button) => {
      const box = button.getBoundingClientRect()
      return code.some((c) => box.left < c.right && c.left < box.right && box.top < c.bottom && c.top < box.bottom)
    })
    return { pageScrolls: root.scrollWidth > root.clientWidth, wide: wide.map(name), covering: covering.map(name) }
  }), { pageScrolls: false, wide: [], covering: [] })
}

async function visit(width, colorScheme) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
  const wrong = []
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== url) wrong.push(request.url())
  })

  await page.goto(url)
  assert.equal(page.url(), `${url}/docs`)
  const update = page.locator('#operations-users-updateUser')
  await update.waitFor()
  await requireFit(page)
  await page.getByRole('button', { name: 'Authorize' }).click()
  assert.equal(await page.locator('.auth-container input').count(), 1)
  await page.locator('.auth-container input').fill(token)
  await requireFit(page)
  await page.getByRole('button', { name: 'Apply credentials' }).click()
  await page.getByRole('button', { name: 'Close' }).first().click()

  await update.locator('.opblock-summary-control').click()
  await update.getByRole('button', { name: 'Try it out' }).click()
  await requireFit(page)
  await update.getByPlaceholder('user_id').fill('2')
  const body = update.locator('textarea.body-param__text')
  assert.deepEqual(JSON.parse(await body.inputValue()), { phone: '+44 20 7946 0100' })
  for (const shown of ['"phone": "+44 20 7946 0100"', '"is_active": null']) {
    if (!(await body.inputValue()).includes(shown)) await body.fill(`{${shown}}`)
    const answered = page.waitForResponse((response) => response.request().method() === 'PUT')
    await update.getByRole('button', { name: 'Execute' }).click()
    assert.equal((await answered).status(), 200)
    const live = update.locator('.live-responses-table .response').first()
    await live.locator('.response-col_status', { hasText: /^200/ }).waitFor()
    await live.locator('.microlight', { hasText: shown }).waitFor()
    await requireFit(page)
  }
  await page.screenshot({ path: `${directory}/docs-${width}-${colorScheme}.png`, fullPage: true })
  assert.deepEqual(wrong, [])
  await page.close()
}

try {
  for (const width of [360, 768, 1280]) {
    for (const colorScheme of ['light', 'dark']) await visit(width, colorScheme)
  }
} finally {
  await browser.close()
}
