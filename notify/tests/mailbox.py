"""A mail server on a free port that prints the port, and then each mail that it takes as a line of JSON.

Arguments: certificate, key, and `starttls` or `implicit`. It wants a login as weir with the password s3cret."""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "authenticated": session.authenticated,
                "text": envelope.content.decode()}
        print(json.dumps(mail), flush=True)
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data == LoginPassword(b"weir", b"s3cret"))


async def main(certificate, key, kind):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    starttls = kind == "starttls"

    def session():
        return SMTP(Mailbox(), hostname="localhost", authenticator=login, auth_required=True, auth_require_tls=starttls,
                    tls_context=context if starttls else None, require_starttls=starttls)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=None if starttls else context)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
