# shellcheck shell=bash disable=SC2034
# debian-packages.sh - what Debian 12 has to bring along. Sourced by ./demo, ./check and the Dockerfile,
# so that each package is named once.

# To compile comfygate and its tests.
PACKAGES_BUILD=(
    gcc libc6-dev cmake ninja-build pkg-config python3 python3-yaml python3-markdown python3-pygments
    libmicrohttpd-dev libwebsockets-dev libcurl4-openssl-dev libcjson-dev libsqlite3-dev libpq-dev
    libsodium-dev libinih-dev libsystemd-dev libcmocka-dev
    libpng-dev libjpeg62-turbo-dev libwebp-dev libgif-dev libseccomp-dev
)
# To run comfy-sim.
PACKAGES_SIM=(python3 python3-aiohttp python3-pil)
# To run everything that ./check runs.
PACKAGES_CHECK=(
    clang clang-tidy clang-format libclang-rt-dev llvm universal-ctags shellcheck openssl
    json-schema-test-suite python3-pytest python3-pytest-xdist python3-jsonschema git
    python3-discord python3-nacl
    zsh fish mandoc systemd systemd-container debootstrap dpkg-dev file buildah
    chromium chromium-driver python3-selenium fonts-dejavu-core nodejs
    prometheus postgresql-15 python3-psycopg2
)
# What ./bench needs beside them.
PACKAGES_BENCH=(wrk python3-jsonschema)
# What a built comfygate needs to run (the Dockerfile's last stage).
PACKAGES_RUNTIME=(
    libmicrohttpd12 libwebsockets17 libcurl4 libcjson1 libsqlite3-0 libpq5 libsodium23 libinih1
    libpng16-16 libjpeg62-turbo libwebp7 libwebpdemux2 libgif7 libseccomp2 libsystemd0
    ca-certificates
)

# Of which only a program is used: when we install one, its service is neither started nor enabled.
PACKAGES_WITH_SERVICE=(prometheus)

# Prints those of its arguments that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
            echo "$package"
        fi
    done
}

# Masks the services of those of its arguments that we do not want to run: what is masked cannot be started, by the package's
# own scripts neither. Who wants to run one later says: systemctl unmask NAME.
leave_services_off() {
    local package
    for package in "${PACKAGES_WITH_SERVICE[@]}"; do
        case " $* " in
        *" $package "*)
            "${as_root[@]}" mkdir -p /etc/systemd/system &&
                "${as_root[@]}" ln -sfn /dev/null "/etc/systemd/system/$package.service" || return 1
            ;;
        esac
    done
}

# PostgreSQL would make a database cluster and start it as it is installed. The tests make their own.
leave_clusters_out() {
    local conf=/etc/postgresql-common/createcluster.conf
    case " $* " in
    *" postgresql-15 "*) ;;
    *) return 0 ;;
    esac
    if [ ! -e "$conf" ]; then
        apt_install postgresql-common && "${as_root[@]}" sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' "$conf"
    fi
}

apt_install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

# Installs what is missing of its arguments; asks sudo for it when we are not root.
install_packages() {
    local missing log as_root=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        echo "This is no Debian, so nothing is installed. It is made for Debian 12; the packages there are:" >&2
        echo "  $*" >&2
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing, and there is no sudo to install them with:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]} ..."
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get -q -o Acquire::Retries=3 update && leave_services_off "${missing[@]}" &&
        leave_clusters_out "${missing[@]}" && apt_install "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        echo "apt-get has failed; the end of what it said is:" >&2
        tail -n 20 "$log" | sed 's/^/  | /' >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
