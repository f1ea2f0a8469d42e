// Opens the fleet page in a real browser: every agent is there though few rows are made, what is searched is found, and a click leads
// to the host.
//
//     node test/fleet.mjs http://127.0.0.1:8641 HOST [screenshot.png]

import { drive, overflow } from './drive.mjs';

const [url, host, screenshot] = process.argv.slice(2);

await drive(screenshot, {}, async (page) => {
  const row = page.locator('#fleet-table tr', { hasText: host });

  await page.goto(url);
  await page.getByRole('link', { name: 'Fleet' }).click();
  await row.filter({ hasText: 'live' }).filter({ hasText: 'ago' }).first().waitFor();
  // Sorted by a column, and back by the back button.
  await page.getByRole('button', { name: 'Last ack' }).click();
  await page.locator('th[aria-sort="ascending"]', { hasText: 'Last ack' }).waitFor();
  await page.goBack();
  await page.locator('th[aria-sort="ascending"]', { hasText: 'State' }).waitFor();
  // The end of the list is made once it is scrolled to.
  const all = Number(await page.locator('#fleet-table').getAttribute('aria-rowcount'));
  await page.locator('#fleet-rows').evaluate((box) => box.scrollTo(0, box.scrollHeight));
  const last = page.locator(`#fleet-table tr[aria-rowindex="${all}"]`);
  await last.filter({ hasText: 'ago' }).waitFor();
  const made = await page.locator('#fleet-table tr').count();
  if (made > 100) throw new Error(`${made} rows are made`);
  // By keyboard: what nobody is called is told, and what somebody is called is found.
  await page.keyboard.press('/');
  await page.keyboard.type('no-host-is-called-so');
  await page.locator('#fleet-empty').waitFor();
  await page.getByLabel('Search agents').fill(host);
  await row.first().waitFor();
  await page.locator('#fleet-states').getByRole('button', { name: 'live' }).click();
  await row.first().waitFor();
  if (screenshot) await page.screenshot({ path: screenshot });
  const over = await overflow(page);
  if (over > 0) throw new Error(`the page is ${over} pixels wider than its window`);
  await page.setViewportSize({ width: 390, height: 800 });
  const narrow = await overflow(page);
  if (narrow > 0) throw new Error(`at 390 pixels the page is ${narrow} too wide`);
  await row.getByRole('link').first().click();
  await page.locator('[data-chart="cpu"]').waitFor();
  if (!page.url().includes(`host=${host}`)) throw new Error('the click does not lead to the host');
  return `${all - 1} agents were there, with ${made} rows`;
});
