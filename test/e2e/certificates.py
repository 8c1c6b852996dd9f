"""Certificates for tests, made by openssl: a root of our own and leaves under it."""
import subprocess

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """A root; `ca` is its certificate. leaf() gives (certificate, key) files."""

    def __init__(self, folder, name="Test Root"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ca, self.key = folder, folder / "ca.pem", folder / "ca.key"
        (folder / "index").write_text("")
        (folder / "serial").write_text("01\n")
        (folder / "conf").write_text(CONFIG.format(folder=folder))
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *curve, "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.ca)
        self.curve, self.made = curve, 0

    def leaf(self, names="IP:127.0.0.1,DNS:localhost", start="20200101000000Z", end="20491231235959Z"):
        self.made += 1
        base = self.folder / f"leaf{self.made}"
        key, request, cert, more = (base.with_suffix(s) for s in (".key", ".csr", ".pem", ".ext"))
        more.write_text(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        openssl("req", "-new", *self.curve, "-subj", f"/CN=leaf{self.made}", "-keyout", key, "-out", request)
        openssl(
            "ca", "-batch", "-notext", "-config", self.folder / "conf", "-cert", self.ca, "-keyfile", self.key,
            "-startdate", start, "-enddate", end, "-extfile", more, "-in", request, "-out", cert,
        )  # fmt: skip
        return cert, key
