"""Certificates of the mesh's own authority, right or wrong in one chosen way, made with Python's `cryptography`."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


class Authority:
    """A certificate authority: that of a mesh, or one that no node trusts."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    @classmethod
    def of_mesh(cls, folder):
        """The one that `meshkit cert dev` made in `folder`."""
        return cls(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()),
                   serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None))

    @classmethod
    def unknown(cls):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another authority")])
        builder = started(name, name, key, -DAY, DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def leaf(self, path, names, starts=-HOUR, ends=DAY, purposes=(CLIENT, SERVER), signs_itself=False):
        """Writes PATH.pem and PATH-key.pem, and gives both paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        issuer = subject if signs_itself else self.certificate.subject
        builder = started(subject, issuer, key, starts, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(key if signs_itself else self.key, hashes.SHA256())
        pem, key_pem = path.with_name(f"{path.name}.pem"), path.with_name(f"{path.name}-key.pem")
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_pem.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return pem, key_pem


def started(subject, issuer, key, starts, ends):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now + starts).not_valid_after(now + ends))


def serial_number(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def names_of(cluster, node, role="worker"):
    return [x509.UniformResourceIdentifier(f"spiffe://omnirelay.mesh/mesh/{cluster}/{role}/{node}"), x509.DNSName(node)]


def wrong_certificates(mesh, folder, purpose):
    """For a peer that needs `purpose`: each reason of refusal with the paths of a certificate that earns it."""
    folder.mkdir(exist_ok=True)
    own, names = Authority.of_mesh(mesh.certificates), names_of(mesh.cluster, "stranger")
    other_purpose = SERVER if purpose == CLIENT else CLIENT
    return {
        "untrusted-issuer": Authority.unknown().leaf(folder / "untrusted", names),
        "self-signed": own.leaf(folder / "self-signed", names, signs_itself=True),
        "expired": own.leaf(folder / "expired", names, starts=-2 * DAY, ends=-HOUR),
        "not-yet-valid": own.leaf(folder / "early", names, starts=HOUR),
        "wrong-purpose": own.leaf(folder / "purpose", names, purposes=(other_purpose,)),
        "no-node-identity": own.leaf(folder / "nameless", []),
        "wrong-identity-shape": own.leaf(
            folder / "shape", [x509.UniformResourceIdentifier("spiffe://omnirelay.mesh/elsewhere/stranger")]),
        "ambiguous-identity": own.leaf(folder / "two", names + names_of(mesh.cluster, "other")),
        "revoked": (mesh.certificates / "revoked.pem", mesh.certificates / "revoked-key.pem"),
    }
