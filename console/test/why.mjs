// Looks for metrics in a real browser: from the catalogue, from a question without series, and by what may have been meant.
//
//     node test/why.mjs http://127.0.0.1:8641 HOST [screenshot.png]

import { drive, overflow } from './drive.mjs';

const [url, host, screenshot] = process.argv.slice(2);
const METRIC = 'system_cpu_logical_count';

await drive(screenshot, {}, async (page) => {
  const said = (text) => page.locator('#why-said', { hasText: text }).waitFor();
  const station = (name) => page.locator('#why-stations tr', { has: page.locator('td:first-child', { hasText: name }) });
  // What the server has not answered yet is not said to be missing.
  let answer;
  const answered = new Promise((resolve) => (answer = resolve));
  await page.route('**/label/__name__/values*', async (route) => {
    await answered;
    await route.continue();
  });
  await page.goto(`${url}#metrics`);
  await page.getByLabel('Search metrics').fill(METRIC);
  await page.waitForTimeout(300);
  if (await page.locator('#catalogue-none').isVisible()) throw new Error('what is not known yet is said to be missing');
  answer();
  // From the catalogue: of a metric that is there.
  await page.getByLabel('Search metrics').fill(METRIC);
  await page.getByRole('link', { name: `Where is ${METRIC}?` }).click();
  await said('is stored, and new samples come');
  await station('store').filter({ hasText: 'passed' }).waitFor();
  await page.locator('nav a[aria-current]', { hasText: 'Metrics' }).waitFor();
  await station('store').getByRole('link', { name: 'explore' }).click();
  await page.waitForFunction(() => Number(document.querySelector('[data-chart="explore"]')?.dataset.points) > 1);
  if (await page.locator('#explore-absent').isVisible()) throw new Error('what has series is said to have none');

  // From the catalogue: of one that is not.
  await page.goto(`${url}#metrics`);
  await page.getByLabel('Search metrics').fill('system_cpu_logical_coumt');
  await page.getByRole('link', { name: 'where is system_cpu_logical_coumt?' }).click();
  await said('has never been seen');
  // What may have been meant is one click away, and the back button comes back.
  await page.locator('#why-suggestions').getByRole('link', { name: METRIC, exact: true }).click();
  await said('is stored, and new samples come');
  await page.goBack();
  await said('has never been seen');

  // From a question that no series answers; of its metrics each can be looked for.
  const wrong = `${METRIC}{host="no-such-host"}`;
  await page.goto(`${url}#explore?range=5m&q=${encodeURIComponent(`sum(${wrong})`)}&as=table`);
  await page.getByRole('link', { name: `where is ${wrong}?` }).click();
  await said('is stored, with other labels');
  if ((await page.getByLabel('Metric or selector').inputValue()) !== wrong) throw new Error('the field does not say what is looked for');
  if (new URLSearchParams(page.url().split('?').at(-1)).get('match') !== wrong) throw new Error('the address does not say what is looked for');
  await station('store').filter({ hasText: 'missing' }).filter({ hasText: host }).waitFor();
  await station('sender').getByRole('link', { name: 'agents like it' }).click();
  await page.locator('#fleet-empty').waitFor();
  await page.goBack();

  // By keyboard: a mistake is told in the server's words, and what is mended is answered.
  await page.keyboard.press('/');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('{host="a"}');
  await page.keyboard.press('Enter');
  await page.locator('#why-problem', { hasText: 'names no metric' }).waitFor();
  if ((await page.locator('#why-stations tr').count()) > 0) throw new Error('what was said of another metric is still there');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type(`${METRIC}{host="${host}"}`);
  await page.keyboard.press('Enter');
  await said('is stored, and new samples come');
  await station('sender').getByRole('link', { name: 'its host' }).click();
  await page.waitForFunction((host) => location.hash.startsWith('#host') && new URLSearchParams(location.hash.split('?')[1]).get('host') === host, host);
  await page.goBack();
  // Of another time it is asked at the end of the range.
  await page.locator('#why-stations td').first().waitFor();
  await page.evaluate(() => (location.hash = location.hash.replace('?', '?from=1000&to=2000&')));
  await page.locator('#why-said', { hasText: '1970' }).waitFor();
  await page.setViewportSize({ width: 390, height: 800 });
  const over = await overflow(page);
  if (over > 0) throw new Error(`the page is ${over} pixels wider than its window`);
  return 'metrics were looked for and found';
});
