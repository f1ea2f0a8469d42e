// Chooses a time zone and how hours are written in a real browser: tables, tooltips and fields follow, and it is kept.
//
//     node test/clock.mjs http://127.0.0.1:8641 HOST [screenshot.png]

import { drive, overflow } from './drive.mjs';

const [url, host, screenshot] = process.argv.slice(2);
const METRIC = 'system_cpu_logical_count';

await drive(screenshot, { timezoneId: 'Europe/Berlin', locale: 'en-GB' }, async (page) => {
  const choose = async (zone, hours) => {
    if (!(await page.getByLabel('Time zone').isVisible())) await page.locator('#clock-name').click();
    if (zone !== undefined) {
      await page.getByLabel('Time zone').fill(zone);
      await page.keyboard.press('Enter');
    }
    if (hours !== undefined) await page.locator('#hours').selectOption(hours);
  };
  const at = () => page.locator('#explore-table tr:nth-child(2) td:last-child').textContent();
  const becomes = (text) => page.locator('#explore-table tr:nth-child(2) td:last-child', { hasText: text }).waitFor();
  // The same moment always: what is zoomed does not move.
  const to = Math.floor(Date.now() / 1000);
  const written = (timeZone, hourCycle = 'h23') => new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle, hour: '2-digit', minute: '2-digit', second: '2-digit' });
  await page.goto(`${url}#explore?from=${to - 300}&to=${to}&q=${METRIC}%7Bhost%3D%22${host}%22%7D&as=table`);
  await becomes(/\d\d:\d\d:\d\d/);
  const own = await at();
  const [hour, ...rest] = own.split(':').map(Number);
  const moment = [to, to - 1, to - 2, to - 5, to - 10].find((second) => written('Europe/Berlin').format(second * 1000) === own);
  if (!moment) throw new Error(`${own} (${hour}, ${rest}) is not the time of the newest sample in the browser's zone`);
  for (const zone of ['UTC', 'Asia/Kolkata']) {
    await choose(zone);
    await becomes(written(zone).format(moment * 1000));
  }
  // What is no zone is told, and changes nothing.
  await choose('Nowhere/Else');
  if (await page.getByLabel('Time zone').evaluate((field) => field.checkValidity())) throw new Error('a zone that is none is taken');
  if ((await at()) !== written('Asia/Kolkata').format(moment * 1000)) throw new Error('a zone that is none has changed the times');
  await choose(undefined, '12');
  await becomes(written('Asia/Kolkata', 'h12').format(moment * 1000));
  await page.locator('#clock-name', { hasText: 'Asia/Kolkata' }).click();

  // Fields of time are in the zone, and say the same moment when they are read; a browser writes no seconds of a whole minute.
  await page.locator('.range summary').click();
  const from = await page.getByLabel('From', { exact: true }).inputValue();
  if (from.slice(11).padEnd(8, ':00') !== written('Asia/Kolkata').format((to - 300) * 1000)) throw new Error(`the field says ${from}`);
  await page.getByLabel('To', { exact: true }).fill(from);
  await page.getByLabel('From', { exact: true }).fill(`${from.slice(0, 10)}T00:00:00`);
  await page.locator('#times').getByRole('button', { name: 'Show' }).click();
  await page.waitForFunction((to) => location.hash.includes(`to=${to}`), to - 300);
  await page.locator('.range summary').click();
  await page.goBack();

  // It is kept; tooltips have it, and say so.
  await page.reload();
  await page.locator('#explore-forms').getByRole('link', { name: 'Graph' }).click();
  const chart = page.locator('[data-chart="explore"]');
  await chart.locator('.u-legend', { hasText: 'Time, Asia/Kolkata' }).waitFor();
  const box = await chart.locator('.u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.99, box.y + 30);
  await chart.locator('.u-legend .u-series:first-child .u-value', { hasText: /[ap]m/i }).waitFor();
  await page.mouse.move(0, 0);
  await choose('', 'auto');
  await chart.locator('.u-legend .u-series:first-child .u-label', { hasText: /^Time$/ }).waitFor();
  await page.locator('#clock-name', { hasText: /^◷$/ }).waitFor();
  const over = await overflow(page);
  if (over > 0) throw new Error(`the page is ${over} pixels wider than its window`);
  return 'every time is written by the clock that is chosen';
});
