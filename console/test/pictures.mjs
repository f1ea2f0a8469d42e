// Pictures of every page, of a server that a demo's data are written to.
//
//     node test/pictures.mjs http://127.0.0.1:8641 127.0.0.1:8125 FOLDER

import { goOn, writePast } from './demodata.mjs';
import { drive } from './drive.mjs';

const [url, statsd, folder] = process.argv.slice(2);
const SIZE = { width: 1120, height: 700 };
/** Until windows of StatsD have closed, and alerts were told. */
const WARM_MS = Number(process.env.WARM_MS ?? 150_000);

const PAGES = {
  fleet: ['#fleet', '#fleet-legend .mark'],
  host: ['#host?host=db-1&range=1h', '[data-chart="filesystem"] .u-over'],
  explore: [`#explore?range=1h&q=${encodeURIComponent('sum by (host) (rate(system_network_io_bytes_total[5m]))')}`, '[data-chart="explore"] .u-over'],
  heatmap: ['#explore?range=5m&q=shop_checkout_time', '[data-chart="explore"] .u-over'],
  metrics: ['#metrics?search=shop', '#catalogue a'],
  dashboards: ['#dashboards?name=host&range=1h&var-host=db-1', '.board-panel .u-over'],
  cardinality: ['#cardinality', '#cardinality-metrics td'],
  pipeline: ['#pipeline', '#stages figure'],
  alerts: ['#alerts', '#alerts-groups .firing'],
  rule: ['#alerts?view=rules&rule=hosts/CpuBusy&range=1h', '[data-chart="rule"] .marks a'],
};

await drive(undefined, { viewport: SIZE, colorScheme: 'light' }, async (page) => {
  const now = Math.floor(Date.now() / 10_000) * 10;
  await writePast(url, now);
  const stop = goOn(url, statsd);
  // Whatever comes of it, nothing goes on to be written.
  try {
    await new Promise((done) => setTimeout(done, WARM_MS));
    return await takeAll(page);
  } finally {
    stop();
  }
});

async function takeAll(page) {
  const take = (name) => page.screenshot({ path: `${folder}/${name}.png` });
  for (const [name, [hash, there]] of Object.entries(PAGES)) {
    await page.goto('about:blank');
    await page.goto(url + hash);
    await page.locator(there).first().waitFor();
    // Growth is told from the second answer on.
    await page.waitForTimeout(name === 'pipeline' ? 7_000 : 1_500);
    await take(name);
  }
  // A changed rule beside the one in force.
  await page.getByLabel('Rule', { exact: true }).fill((await page.getByLabel('Rule', { exact: true }).inputValue()).replace('0.8', '0.35'));
  await page.getByLabel('Over the last').selectOption('86400');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#replay-changes .new').first().waitFor({ timeout: 240_000 });
  await page.locator('#replay-form').evaluate((form) => scrollTo(0, form.offsetTop - 60));
  await page.waitForTimeout(1_500);
  await take('replay');
  // What is offered while a question is written.
  await page.goto(`${url}#explore?range=1h`);
  await page.getByLabel('PromQL').click();
  await page.locator('.cm-content').waitFor();
  await page.keyboard.type('sum by (cpu_mode) (system_cp');
  await page.locator('.cm-tooltip-autocomplete').waitFor();
  await take('completion');
  return `${Object.keys(PAGES).length + 2} pictures`;
}
