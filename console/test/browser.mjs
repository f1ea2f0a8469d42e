// Opens the console in a real browser and watches charts draw and change.
//
//     node test/browser.mjs http://127.0.0.1:8641 [statsd metric] [screenshot.png] [light|dark] [width]

import { drive, overflow } from './drive.mjs';

const [url, metric, screenshot, colorScheme = 'light', width = '1440'] = process.argv.slice(2);

await drive(screenshot, { colorScheme, viewport: { width: Number(width), height: 900 } }, async (page) => {
  async function drawn(id) {
    const chart = page.locator(`[data-chart="${id}"]`);
    await chart.waitFor();
    await page.waitForFunction((id) => Number(document.querySelector(`[data-chart="${id}"]`)?.dataset.points) > 1, id);
    const inked = await chart.locator('canvas').evaluate((canvas) => {
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((_, at) => at % 4 === 3 && pixels[at] > 0);
    });
    if (!inked) throw new Error(`the chart ${id} has data, but its canvas is blank`);
    return chart;
  }

  await page.goto(url);
  for (const id of ['cpu', 'memory', 'disk', 'network', 'load']) await drawn(id);
  const before = await (await drawn('cpu')).getAttribute('data-last');
  await page.waitForFunction((before) => document.querySelector('[data-chart="cpu"]').dataset.last !== before, before);
  await page.waitForFunction(() => /[1-9]\d* agents?/.test(document.querySelector('#fleet').textContent));
  // A zoom stays over refreshes, and back ends it.
  const box = await page.locator('[data-chart="cpu"] .u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => location.hash.includes('from='));
  const zoomed = page.url();
  await page.waitForTimeout(6_000);
  if (page.url() !== zoomed) throw new Error('the zoom is lost');
  await page.goBack();
  await page.waitForFunction(() => !location.hash.includes('from='));
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
  // What an application told is a mark over it.
  await page.locator('[data-chart="explore"] .marks .event[title*="Deployed"]').first().waitFor();
  await page.getByLabel('PromQL').fill('sum(up) + )');
  await page.keyboard.press('Enter');
  await page.locator('.mistake u', { hasText: ')' }).waitFor();
  await page.getByRole('link', { name: 'Pipeline' }).click();
  await page.getByRole('figure', { name: 'Sink' }).waitFor();
  await page.locator('#readiness', { hasText: 'ready' }).waitFor();
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await drawn('cpu');
  // By keyboard, and in the other theme.
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(() => location.hash.includes('from='));
  await page.keyboard.press('l');
  await page.waitForFunction(() => !location.hash.includes('from='));
  await page.keyboard.press('?');
  await page.locator('#help').getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement?.id === 'catalogue-search');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await drawn('cpu');
  const over = await overflow(page);
  if (over > 0) throw new Error(`the page is ${over} pixels wider than its window`);
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  return 'charts drew and changed';
});
