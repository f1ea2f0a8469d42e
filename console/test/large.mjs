// Opens the fleet page of a large fleet in a real browser: how soon it paints, and how long a refresh keeps the page's thread.
//
//     node test/large.mjs http://127.0.0.1:8641 AGENTS [screenshot.png]

import { drive } from './drive.mjs';

const [url, agents, screenshot] = process.argv.slice(2);
const MOST_PAINT_MS = 1_000;
const MOST_REFRESH_MS = 200;
const REFRESHES = 4;

await drive(screenshot, {}, async (page) => {
  const session = await page.context().newCDPSession(page);
  // Of the thread's own time: other programs on the machine take none of it.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  // Milliseconds that the page's thread has worked so far.
  const worked = async () => 1000 * (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;

  // What the browser itself does for the first time is not the page's.
  await page.goto(`${url}#pipeline`);
  await page.locator('#readiness', { hasText: /./ }).waitFor();
  await page.goto('about:blank');
  await page.goto(`${url}#fleet`);
  await page.locator('#fleet-legend .mark').first().waitFor();
  const row = page.locator('#fleet-table td').first();
  await row.waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  const all = Number(await page.locator('#fleet-table').getAttribute('aria-rowcount'));
  if (all - 1 < Number(agents)) throw new Error(`${all - 1} agents are there, not ${agents}`);
  // Sorting is a question to the server; scrolling to the end makes the rows that are seen and no more.
  await page.getByRole('button', { name: 'Last ack' }).click();
  await page.locator('th[aria-sort]', { hasText: 'Last ack' }).waitFor();
  await page.locator('#fleet-rows').evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await page.locator(`#fleet-table tr[aria-rowindex="${all}"]`).waitFor();
  const made = await page.locator('#fleet-table tr').count();
  if (made > 100) throw new Error(`${made} rows are made`);

  const spent = [];
  for (let at = 0; at < REFRESHES; at += 1) {
    const answered = page.waitForResponse((response) => response.url().includes('api/v1/agents/map'), { timeout: 60_000 });
    const before = await worked();
    await answered;
    await page.waitForTimeout(1_000);
    spent.push((await worked()) - before);
  }
  const words = `${all - 1} agents: first paint after ${Math.round(paint)} ms, refreshes of ${spent.map(Math.round).join(', ')} ms`;
  // Other programs on the machine make some longer, none shorter.
  if (!(paint <= MOST_PAINT_MS) || Math.min(...spent) > MOST_REFRESH_MS) throw new Error(words);
  return words;
});
