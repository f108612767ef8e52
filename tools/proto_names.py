"""proto_names - what our protoc plugins share: C names, and walking through a file's messages."""

import itertools

HEAD = "/* Made by tools/{plugin} from {source}: see {header}. */\n"


def c_name(full_name):
    """.postern.v1.Role -> pv_Role, as nanopb's M_PACKAGE_INITIALS has it."""
    parts = full_name.lstrip(".").split(".")
    package = list(itertools.takewhile(str.islower, parts))
    return "_".join(["".join(part[0] for part in package)] + parts[len(package):])


def nested(messages, prefix):
    """All messages of a list with their full names, inner ones first."""
    for message in messages:
        name = f"{prefix}.{message.name}"
        yield from nested(message.nested_type, name)
        yield name, message


def enums_of(file):
    for enum in file.enum_type:
        yield f".{file.package}.{enum.name}", enum
    for name, message in nested(file.message_type, f".{file.package}"):
        for enum in message.enum_type:
            yield f"{name}.{enum.name}", enum
