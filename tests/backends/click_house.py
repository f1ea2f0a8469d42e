"""ClickHouse's HTTP interface, as far as inserts and questions go, before the engine in this process.

usage: click_house.py FOLDER PORT

An insert's body and settings are passed unchanged: the body as a file of its format, settings as settings.
"""

import os
import re
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

try:
    from chdb import session
except ImportError:
    sys.exit("there is no chdb: run tests/setup, or pip3 install --break-system-packages chdb==4.4.0")

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
ENGINE = session.Session(FOLDER)
INSERT = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) FORMAT (\w+)$")


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def answer(self, body):
        asked = dict(parse_qsl(urlsplit(self.path).query))
        query = asked.pop("query", "")
        try:
            status, text = 200, self.ask(query, asked, body) if query else b"Ok.\n"
        except Exception as error:
            status, text = 400, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def ask(self, query, settings, body):
        insert = INSERT.match(query)
        if not insert:
            return ENGINE.query(query, "TabSeparated").bytes()
        table, columns, form = insert.groups()
        types = dict(line.split("\t")[:2] for line in str(ENGINE.query(f"DESCRIBE {table}", "TabSeparated")).splitlines())
        names = [name.strip() for name in columns.split(",")]
        structure = ", ".join(f"{name} {types[name]}" for name in names).replace("'", "\\'").replace("\\\\'", "\\'")
        with tempfile.NamedTemporaryFile(dir=FOLDER, delete=False) as file:
            file.write(body)
        given = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        try:
            ENGINE.query(
                f"INSERT INTO {table} ({columns}) SELECT * FROM file('{file.name}', '{form}', '{structure}')"
                + (f" SETTINGS {given}" if given else "")
            )
        finally:
            os.unlink(file.name)
        return b""

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", PORT), Front).serve_forever()
