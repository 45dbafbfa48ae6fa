#!/usr/bin/env python3
"""A real SMTP server for the tests of e-mail, on ports of the loopback that it chooses itself.

usage: smtp_server.py FOLDER    (certificates are made in FOLDER)

The first line of stdout says where: {"smtps": PORT, "starttls": PORT, "plain": PORT, "ca": FILE}. Every later line is a
letter that was taken: sender, recipients, headers, text, whether it came over TLS, and who had signed in. What goes wrong
stands in the name of the recipient: unknown, full, grey, spam, lost (taken, then hung up), slow (taken after 3 s), away
(hung up instead of an answer to RCPT).
"""
import asyncio
import email.policy
import json
import ssl
import sys

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

LOGIN = (b"mashang", b"letters of nobody")
REPLIES = {
    "unknown": "550 5.1.1 No such user here",
    "full": "452 4.2.2 Mailbox full",
    "grey": "450 4.2.0 Greylisted, come back",
}


def say(value):
    print(json.dumps(value, ensure_ascii=False), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "away":
            server.transport.abort()
        if name in REPLIES:
            return REPLIES[name]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].split("@")[0]
        if name == "spam":
            return "554 5.7.1 Looks like spam to us"
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "text": letter.get_content(),
            "headers": {name.lower(): value for name, value in letter.items()},
            "tls": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data, "peer": session.peer[1],
        })
        if name == "lost":
            server.transport.abort()
        if name == "slow":
            await asyncio.sleep(3)
        return "250 2.0.0 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == LOGIN
    return AuthResult(success=right, handled=right, auth_data=data.login.decode() if right else None)


async def main(folder):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    login = {"authenticator": authenticate, "auth_required": True}
    kinds = {
        "smtps": ({"auth_require_tls": False, **login}, context),
        "starttls": ({"tls_context": context, "require_starttls": True, **login}, None),
        "plain": ({}, None),
    }
    where = {"ca": f"{folder}/ca.pem"}
    for kind, (options, tls) in kinds.items():
        make = lambda options=options: SMTP(Handler(), hostname="localhost", **options)
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
        where[kind] = server.sockets[0].getsockname()[1]
    say(where)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
