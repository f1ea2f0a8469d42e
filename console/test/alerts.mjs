// Opens the page of alerts in a real browser, silences what fires after a preview, and ends the silence.
//
//     node test/alerts.mjs http://127.0.0.1:8641 ALERT [screenshot.png]

import { drive } from './drive.mjs';

const [url, alert, screenshot] = process.argv.slice(2);

await drive(screenshot, {}, async (page) => {
  const row = (table) => page.locator(`#alerts-${table} tr`, { hasText: alert });

  await page.goto(url);
  await page.getByRole('link', { name: 'Alerts' }).click();
  await row('active').filter({ hasText: 'firing' }).waitFor();
  await row('rules').waitFor();
  await row('history').filter({ hasText: 'firing' }).first().waitFor();
  await row('notifications').filter({ hasText: 'told' }).first().waitFor();

  // Labels are texts, whatever they look like.
  if (!(await row('active').textContent()).includes('<img')) throw new Error('the label that looks like HTML is not shown as it is');
  if ((await page.locator('#alerts-page img').count()) > 0) throw new Error('a label has become HTML');

  // By keyboard: what fires is silenced once it is said what that mutes.
  await row('active').getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Comment').fill('being mended');
  if (await page.locator('#silence-make').isEnabled()) throw new Error('a silence can be made without a preview');
  await page.keyboard.press('Enter');
  await page.locator('#silence-preview', { hasText: 'mutes 1 alert' }).waitFor();
  // Another alert's button is another silence: what was said before does not hold for it.
  await row('active').getByRole('button').click();
  if (await page.locator('#silence-make').isEnabled()) throw new Error('the preview of other matchers still counts');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#silence-preview', { hasText: 'mutes 1 alert' }).waitFor();
  if ((await row('silences').count()) > 0) throw new Error('the preview has made a silence');
  await page.locator('#silence-make').click();
  await row('silences').filter({ hasText: 'being mended' }).waitFor();
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  // Rows are made anew every few seconds; who is at a button stays there.
  await row('silences').getByRole('button', { name: 'Expire' }).focus();
  await page.waitForTimeout(6_000);
  await page.keyboard.press('Enter');
  await page.locator('#alerts-silences', { hasText: 'Nothing is silenced' }).waitFor();

  await page.getByLabel('Matchers').fill('alertname=');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#alerts-problem', { hasText: 'Write matchers such as' }).waitFor();
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await page.locator('#host-title').waitFor();
  return 'an alert was seen, silenced and heard again';
});
