// Opens the dashboards in a real browser: each that is shipped has all its panels and no mistake, one is imported, saved, changed and has
// its versions; then the host's page, the map and cardinality.
//
//     node test/dashboards.mjs http://127.0.0.1:8641 HOST [screenshot.png]

import { fileURLToPath } from 'node:url';
import { drive, overflow } from './drive.mjs';

const [url, host, screenshot] = process.argv.slice(2);

await drive(screenshot, {}, async (page, mistakes) => {
  page.on('response', (response) => {
    if (response.status() === 400) mistakes.push(decodeURIComponent(response.url()));
  });

  async function fits(what) {
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      const over = await overflow(page);
      if (over > 0) throw new Error(`${what} is ${over} pixels too wide at ${width}`);
    }
  }

  await page.goto(`${url}#dashboards`);
  await page.locator('[data-dashboard="host"]').waitFor();
  const names = ['alerts', 'fleet', 'gateway', 'host', 'pipeline', 'statsd'];
  for (const name of names) {
    await page.goto(`${url}#dashboards?range=5m&name=${name}`);
    await page.locator('.board-panel').first().waitFor();
    await page.waitForTimeout(1_500);
    await fits(name);
    if (name === 'host' && screenshot) await page.screenshot({ path: screenshot });
  }
  // Imported, saved, changed; a second name is not written over.
  await page.goto(`${url}#dashboards`);
  await page.locator('#board-file').setInputFiles(fileURLToPath(new URL('node-like.json', import.meta.url)));
  await page.locator('#board-title', { hasText: 'Nodes' }).waitFor();
  await page.locator('#board-left', { hasText: 'geomap' }).waitFor();
  const name = `nodes-${Date.now()}`;
  await page.locator('#board-name').fill(name);
  for (const title of ['One', 'Two']) {
    await page.locator('#board-text').fill(JSON.stringify({ title, panels: [] }));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('#board-title', { hasText: title }).waitFor();
  }
  await page.waitForFunction(() => document.querySelectorAll('#board-version option').length === 3);
  await page.locator('#board-name').fill('host');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#board-said', { hasText: 'already' }).waitFor();
  // From the map to the host, and who makes its series.
  await page.goto(`${url}#fleet?search=${host}`);
  await page.locator('#fleet-legend .mark').first().waitFor();
  await page.locator('#fleet-cells').click({ position: { x: 3, y: 3 } });
  await page.locator('#host-agents', { hasText: 'acknowledged' }).waitFor();
  const stacked = page.locator('[data-chart="memory"] .u-legend .u-label');
  await stacked.nth(3).waitFor();
  const order = (await stacked.allTextContents()).slice(1).join(' ');
  if (order !== 'used cached free') throw new Error(`memory is stacked ${order}`);
  await page.getByRole('link', { name: 'Cardinality' }).click();
  await page.getByRole('button', { name: 'Rule for' }).first().click();
  await page.locator('#rule-text', { hasText: '[[admission.rules]]' }).waitFor();
  await fits('cardinality');
  return `${names.length} dashboards were opened, one was imported and saved`;
});
