/*
 * ssh_samples - public keys as ssh-keygen made them, and a certificate.
 */
#ifndef TESTS_SSH_SAMPLES_H
#define TESTS_SSH_SAMPLES_H

static const struct ssh_sample {
	const char *line;
	const char *fingerprint; /* ssh-keygen -l */
} ssh_samples[] = {
	{
	        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIay+NobZgQfuTO8yFq7uY2FvfEHtMt+wIvHqT6v"
	        "bKAb alice@example.com",
	        "SHA256:pbZSjEs0huSq/wjUnk2VixZWsvzjnzPbUqZEH5WDu2I",
	},
	{
	        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCiyT8Q0C7gpt8Z+pM24YoKXcFk9phi9qtJjAJW"
	        "jj0WrpNe0be8aDFFUut6QBlAKUrXbRL/W9e7duIURZEaMa3LdifrsC9hWxGzWOJdMtNqr0wM8UbO"
	        "KmYvFHR3QX9qFfk25p456HNE0yWhpwV6HCqrPPvbDc/BJEYYJfUy/6y3wOUW98QTDtqDOTfJcRQH"
	        "V1BSYF4DIMtgCadir3OB0kyF80DxFUgbctfzlAZTyk/tVvQKS50cntCVcjIk7zf9hxPPVIgTOKI6"
	        "6PRrEqe+IakYou28f7MVQ5O9JTh+vtFSwvunlPWv9XC9E5ZfvpVxm6v3RyV1Z7ikX8TpSyInZu4t"
	        " alice@example.com",
	        "SHA256:sa2ww174cK4xxO+G1ayzjTXS+OeM/9yEuQBMNAPhV/c",
	},
	{
	        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEuS"
	        "tFsOmsCoYtDLHAVjlMy0rEXXHxAUHWWIyzsqH3onAcaX8+5QzHXrCapWfSy5anSTRqdopeNBQOlv"
	        "ZKlzukA= alice@example.com",
	        "SHA256:NrVeNSLsrmKu6QV0XXq2vgtLyE5eDkb4wcrDyeqtuKU",
	},
	{
	        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJW5"
	        "Qkc4516KzsCC0D+wm0EfWUjtXsiRfManbU0mD7BmK7Ly9GolkAjPcyjXxDv5hN7wPtzaXtidBPet"
	        "Pm7MKk/S6f7TlxVR77nxmqWJjprGzUMOCIFEwFYRgARixW2OrQ== alice@example.com",
	        "SHA256:BZD+PD9/7OLuN5SMelWMyBfSrgpEHDxtxgBw8OU6nW0",
	},
	{
	        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBACG"
	        "TfmWNOX5eIE5pb/YpBFauo6e0VEB99e6/mblGSjY3NjSpYV7ZW3siZF27opH5ReJiFfugSb7tVr1"
	        "uCARSUq9jAF8eSyWPFwf7ULD5URAvXRCWRbgytnCAn/DjyQbfLaA8xXclv3sUYOZZJyTFy3JBTLH"
	        "AHP2Ho5yVwZyM1UEVK+Weg== alice@example.com",
	        "SHA256:aJSxjEKniRZe2ZswRAOxjCFYvOOkWSToh3FP3YqMAWQ",
	},
	{
	        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIIay+"
	        "NobZgQfuTO8yFq7uY2FvfEHtMt+wIvHqT6vbKAbAAAABHNzaDo= alice@example.com",
	        "SHA256:zdBRHZCDlKw8LPg/C2hHrmj9Tc5ZUBoxPSTEWW/cnvY",
	},
	{
	        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3Blb"
	        "nNzaC5jb20AAAAIbmlzdHAyNTYAAABBBEuStFsOmsCoYtDLHAVjlMy0rEXXHxAUHWWIyzsqH3onA"
	        "caX8+5QzHXrCapWfSy5anSTRqdopeNBQOlvZKlzukAAAAAEc3NoOg== alice@example.com",
	        "SHA256:6GrgkW+6ntv+FpIiFscCjdOVrjXF92vc/yMeSvNcL6M",
	},
};

#define SSH_SAMPLES (sizeof(ssh_samples) / sizeof(ssh_samples[0]))

/* RSA with 1024 bits */
static const char ssh_weak[] =
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDJ4kYa2LVf09ehTeXsB2mdPeMKHQGJajucvYCv"
        "Dx45M1W9QlNMGeIj/JWNrImKfx1F8dqiljzyvdnodRi+4jBfYUam7RXdrj1Ycuvr418lmFL1TcPy"
        "wbo0yHmvgjz7U0tGxK2EiimMyD54d0yn2yaY4FO+hdA5RV5XBcMkjz6vIQ== alice@example.c"
        "om";

/* ssh-keygen -s ca -I "alice key" -n root,alice -z 42 -O clear -O permit-pty
 * -O extension:identity@postern=abc -O force-command=/bin/true, the whole of January 2027 */
static const char ssh_cert[] =
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2g"
        "uY29tAAAAILKiX71mrfSNh8yo9hmhFD01Ic7AxymGoy6nFc1Pi8rHAAAAIIay+NobZgQfuTO8yFq"
        "7uY2FvfEHtMt+wIvHqT6vbKAbAAAAAAAAACoAAAABAAAACWFsaWNlIGtleQAAABEAAAAEcm9vdAA"
        "AAAVhbGljZQAAAABrNuyAAAAAAGtfywAAAAAiAAAADWZvcmNlLWNvbW1hbmQAAAANAAAACS9iaW4"
        "vdHJ1ZQAAADEAAAAQaWRlbnRpdHlAcG9zdGVybgAAAAcAAAADYWJjAAAACnBlcm1pdC1wdHkAAAA"
        "AAAAAAAAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAEEEQZldhdu9iC9"
        "JeZ4jW0XON7Aii1TmdLysJ6e7pUNF3m8RVJO7gu8NLXere7hr/3uC2SnOvUc0wGYaMlVveH6q2gA"
        "AAGQAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAEkAAAAgH+sT/fibHZxCKiN9XWAhE4OJzAN0UG1"
        "Y5RPbRlm88TwAAAAhAMRHDm4yVfDrpYLogfqu88UjB1O3UBv86KLruIPJ1F3y alice@example."
        "com";

static const char ssh_cert_ca[] =
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEGZ"
        "XYXbvYgvSXmeI1tFzjewIotU5nS8rCenu6VDRd5vEVSTu4LvDS13q3u4a/97gtkpzr1HNMBmGjJV"
        "b3h+qto=";

#endif
