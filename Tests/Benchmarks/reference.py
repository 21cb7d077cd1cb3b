"""What stands beside the figures of the membership: the goals of the project, and what HashiCorp's memberlist did."""

PARTS = ("0.2.2 with its LAN defaults, without TLS, as measured on another 2-core machine on another day; "
         "a process of its own took 12 MB of resident memory")

# For each layout and size: full discovery; join, leave and metadata seen by 50/95/100 %; kill to left, first/50/100 %
# (all ms); CPU seconds a minute, packets a second, UDP bytes a second, each for one node.
MEMBERLIST = {
    ("together", 3): (200, (198, 198, 198), (149, 149, 149), (199, 200, 200),
        (6404, 6404, 6598), 0.029, 1.89, 80),
    ("together", 10): (400, (201, 432, 432), (199, 403, 403), (395, 401, 401),
        (6447, 6497, 6601), 0.026, 2.00, 85),
    ("together", 50): (1930, (397, 607, 617), (552, 780, 788), (395, 596, 747),
        (9902, 10169, 10394), 0.025, 2.00, 87),
    ("together", 100): (4470, (392, 580, 799), (367, 613, 773), (393, 598, 728),
        (10001, 10366, 10583), 0.022, 2.00, 87),
    ("together", 200): (10200, (339, 612, 772), (418, 652, 796), (323, 658, 692),
        (10576, 10782, 11018), 0.020, 2.00, 88),
    ("apart", 3): (190, (190, 192, 192), (26, 26, 26), (190, 197, 197),
        (6778, 6778, 6784), 0.070, 1.86, 74),
    ("apart", 10): (210, (200, 380, 380), (194, 212, 212), (199, 389, 389),
        (6583, 6589, 6780), 0.068, 2.00, 79),
}
SPREAD = ("one join seen by", "graceful leave seen by", "metadata update seen by", "kill to left")


def memberlist(name, mode, count):
    """What memberlist did where the same thing was measured, else nothing."""
    row = MEMBERLIST.get(("together" if mode == "simulated" else mode, count))
    if row is None:
        return ""
    plain = {"full discovery after all start": row[0], "idle CPU a node": row[5], "idle packets sent a node": row[6],
             "idle bytes sent a node": row[7]}
    for place, stem in enumerate(SPREAD):
        shares = ("first", "50 %", "all") if stem == "kill to left" else ("50 %", "95 %", "all")
        plain.update({f"{stem}, {share}": value for share, value in zip(shares, row[1 + place])})
    return str(plain.get(name.removesuffix(", no acknowledgements"), ""))


def goal(name, mode, count):
    """The goal for one figure, where there is one."""
    if name == "full discovery after all start" and count >= 100:
        return "<= 2000" if count == 100 else ""
    if name.endswith(", all") and name.startswith(SPREAD[:3]):
        return "<= 50" if count <= 100 else ""
    if name == "kill to left, all":
        return "<= 1500" if count <= 10 else "<= 2000" if count <= 100 else ""
    if name.startswith(("idle packets sent a node", "idle bytes sent a node")):
        return "< 14" if "packets" in name else "< 1200"
    alone = mode == "apart" or name.endswith("alone in its process")
    if name.startswith("idle CPU a node") and alone:
        return "<= 0.05"
    return {"resident memory of a process with one node": "<= 24",
            "anonymous memory of a process with one node": "<= 8",
            "false left in all that time": "0", "others were reported left": "0"}.get(name, "")
