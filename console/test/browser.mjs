// Opens the console in a real browser and watches charts draw and change.
//
//     node test/browser.mjs http://127.0.0.1:8641 [statsd metric] [screenshot.png] [light|dark] [width]

import { chromium } from 'playwright-core';

const [url, metric, screenshot, colorScheme = 'light', width = '1440'] = process.argv.slice(2);
const PATIENCE = 30_000;
const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', ...quiet] }).catch((error) => {
  console.error(`${error.message}\napt-get install chromium`);
  process.exit(1);
});
const page = await browser.newPage({ colorScheme, viewport: { width: Number(width), height: 900 } });
const mistakes = [];
page.on('pageerror', (error) => mistakes.push(error.message));
page.on('console', (line) => {
  if (line.text().includes('Content Security Policy')) mistakes.push(line.text());
});

async function drawn(id) {
  const chart = page.locator(`[data-chart="${id}"]`);
  await chart.waitFor({ timeout: PATIENCE });
  await page.waitForFunction((id) => Number(document.querySelector(`[data-chart="${id}"]`)?.dataset.points) > 1, id, { timeout: PATIENCE });
  const inked = await chart.locator('canvas').evaluate((canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((_, at) => at % 4 === 3 && pixels[at] > 0);
  });
  if (!inked) throw new Error(`the chart ${id} has data, but its canvas is blank`);
  return chart;
}

try {
  await page.goto(url);
  for (const id of ['cpu', 'memory', 'disk', 'network', 'load']) await drawn(id);
  const before = await (await drawn('cpu')).getAttribute('data-last');
  await page.waitForFunction((before) => document.querySelector('[data-chart="cpu"]').dataset.last !== before, before, { timeout: PATIENCE });
  await page.waitForFunction(() => /[1-9]\d* agents?/.test(document.querySelector('#fleet').textContent), null, { timeout: PATIENCE });
  // A zoom stays over refreshes, and back ends it.
  const box = await page.locator('[data-chart="cpu"] .u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => location.hash.includes('from='), null, { timeout: PATIENCE });
  const zoomed = page.url();
  await page.waitForTimeout(6_000);
  if (page.url() !== zoomed) throw new Error('the zoom is lost');
  await page.goBack();
  await page.waitForFunction(() => !location.hash.includes('from='), null, { timeout: PATIENCE });
  // The catalogue leads to a metric's chart.
  await page.getByRole('link', { name: 'Metrics' }).first().click();
  await page.getByLabel('Search metrics').fill(metric || 'cpu_logical_count');
  await page.locator('#catalogue a').first().click();
  await drawn('explore');
  // A question of one's own, and the place of its mistake.
  await page.getByRole('link', { name: 'Explore' }).click();
  await page.getByLabel('PromQL').fill(`sum(${metric || 'system_cpu_logical_count'})`);
  await page.keyboard.press('Enter');
  await drawn('explore');
  await page.getByLabel('PromQL').fill('sum(up) + )');
  await page.keyboard.press('Enter');
  await page.locator('.mistake u', { hasText: ')' }).waitFor({ timeout: PATIENCE });
  await page.getByRole('link', { name: 'Pipeline' }).click();
  await page.getByRole('figure', { name: 'Sink' }).waitFor({ timeout: PATIENCE });
  await page.locator('#readiness', { hasText: 'ready' }).waitFor({ timeout: PATIENCE });
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await drawn('cpu');
  // By keyboard, and in the other theme.
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(() => location.hash.includes('from='), null, { timeout: PATIENCE });
  await page.keyboard.press('l');
  await page.waitForFunction(() => !location.hash.includes('from='), null, { timeout: PATIENCE });
  await page.keyboard.press('?');
  await page.locator('#help').getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement?.id === 'catalogue-search', null, { timeout: PATIENCE });
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await drawn('cpu');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) throw new Error(`the page is ${overflow} pixels wider than its window`);
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  console.log('charts drew and changed');
} catch (error) {
  console.error(error.message);
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  process.exitCode = 1;
} finally {
  await browser.close();
}
