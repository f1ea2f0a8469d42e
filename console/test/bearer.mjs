// Gives the console a token in a real browser, reads whose it is, and has it forgotten.
//
//     node test/bearer.mjs http://127.0.0.1:8641 TOKEN SUBJECT [screenshot.png]

import { drive, overflow } from './drive.mjs';

const [url, token, subject, screenshot] = process.argv.slice(2);

await drive(screenshot, {}, async (page) => {
  const kept = () => page.evaluate(() => Object.values({ ...sessionStorage, ...localStorage }).join('\n'));
  await page.goto(`${url}#metrics`);
  await page.locator('#problem', { hasText: 'asks for a token' }).waitFor();
  if (await page.locator('#bearer').isVisible()) throw new Error('a token is spoken of before one is given');
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.locator('#catalogue a').first().waitFor();
  await page.locator('#problem').waitFor({ state: 'hidden' });
  // It is kept for the tab, and says whose it is.
  await page.reload();
  await page.locator('#catalogue a').first().waitFor();
  await page.locator('#bearer-name', { hasText: subject }).click();
  await page.locator('#bearer-said', { hasText: `The token of ${subject}, of tenant 0, for read.` }).waitFor();
  if (!(await kept()).includes(token)) throw new Error('the token is not kept');
  await page.setViewportSize({ width: 390, height: 800 });
  const over = await overflow(page);
  if (over > 0) throw new Error(`the page is ${over} pixels wider than its window`);
  // Forgotten, nothing is left of it: not the token, nor what was answered to it.
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.locator('#problem', { hasText: 'asks for a token' }).waitFor();
  await page.locator('#token-form').waitFor();
  if ((await kept()).includes(token)) throw new Error('the token is still kept');
  if ((await page.locator('#catalogue a').count()) > 0) throw new Error('what was answered to the token is still shown');
  if (await page.locator('#bearer').isVisible()) throw new Error('a forgotten token is spoken of');
  await page.reload();
  await page.locator('#problem', { hasText: 'asks for a token' }).waitFor();
  return 'a token was given, read and forgotten';
});
