// What every test in a real browser begins and ends with: a page that notes what it must not meet, a picture, a code to exit with.

import { chromium } from 'playwright-core';

const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

// Opens a page with `options`, has `use` do its task, and ends the process with what that came to. `use` adds to `mistakes` what is wrong
// and no reason to stop, and answers with what to say. A picture is taken of a failure, where a file for it is given.
export async function drive(screenshot, options, use) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', ...QUIET] }).catch((error) => {
    console.error(`${error.message}\napt-get install chromium`);
    process.exit(1);
  });
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
  page.setDefaultTimeout(30_000);
  const mistakes = [];
  page.on('pageerror', (error) => mistakes.push(error.message));
  page.on('console', (line) => {
    if (line.text().includes('Content Security Policy')) mistakes.push(line.text());
  });
  try {
    const said = await use(page, mistakes);
    if (mistakes.length > 0) throw new Error(mistakes.join('; '));
    console.log(said);
  } catch (error) {
    console.error(error.message);
    if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

// How many pixels a page is wider than its window.
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
