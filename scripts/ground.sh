# Sourced by ./run and ./test: makes sure that Rust and the system packages are there.
# POSIX sh. Sets nothing but functions.

need_cargo() {
    if ! command -v cargo >/dev/null 2>&1; then
        # rustup's own folder may not be on the path of a fresh shell
        # shellcheck disable=SC1091
        [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        echo "Meridian needs Rust 1.95 or newer, and there is no cargo here: install it from https://rustup.rs" >&2
        exit 1
    fi
    version=$(rustc --version | sed 's/^rustc \([0-9]*\)\.\([0-9]*\).*/\1 \2/')
    major=${version% *}
    minor=${version#* }
    if [ "$major" -lt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -lt 95 ]; }; then
        echo "Meridian needs Rust 1.95 or newer, and this is $(rustc --version): run 'rustup update stable'" >&2
        exit 1
    fi
}

have_library() {
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q "$1"
}

have_vulkan_driver() {
    for folder in /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d; do
        for file in "$folder"/*.json; do
            [ -e "$file" ] && return 0
        done
    done
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]
}

# Prints the packages that are missing, by this package manager's names; with "gateway", those for what has no picture;
# with "tests", ffmpeg too, which the tests of AR read from.
missing_packages() {
    manager=$1
    pick() {
        case $manager in
            apt-get) printf '%s ' "$1" ;;
            dnf) printf '%s ' "$2" ;;
            pacman) printf '%s ' "$3" ;;
        esac
    }
    command -v cc >/dev/null 2>&1 || { pick "gcc libc6-dev" gcc gcc; }
    [ "${2:-}" = gateway ] && return 0
    command -v pkg-config >/dev/null 2>&1 || pick pkg-config pkgconf-pkg-config pkgconf
    have_library libvulkan.so.1 || pick libvulkan1 vulkan-loader vulkan-icd-loader
    have_vulkan_driver || pick mesa-vulkan-drivers mesa-vulkan-drivers vulkan-swrast
    have_library libxkbcommon.so.0 || pick libxkbcommon0 libxkbcommon libxkbcommon
    have_library libxkbcommon-x11.so.0 || pick libxkbcommon-x11-0 libxkbcommon-x11 libxkbcommon-x11
    have_library libX11-xcb.so.1 || pick libx11-xcb1 libX11-xcb libx11
    have_library libXcursor.so.1 || pick libxcursor1 libXcursor libxcursor
    have_library libXi.so.6 || pick libxi6 libXi libxi
    have_library libXrandr.so.2 || pick libxrandr2 libXrandr libxrandr
    have_library libwayland-client.so.0 || pick libwayland-client0 libwayland-client wayland
    [ "${2:-}" = tests ] || return 0
    command -v ffmpeg >/dev/null 2>&1 || pick ffmpeg ffmpeg-free ffmpeg
}

need_packages() {
    [ "$(uname -s)" = Linux ] || return 0
    manager=
    for name in apt-get dnf pacman; do
        command -v "$name" >/dev/null 2>&1 && { manager=$name; break; }
    done
    if [ -z "$manager" ]; then
        command -v cc >/dev/null 2>&1 || echo "No C linker (cc) and no apt-get, dnf or pacman: install gcc, libvulkan, a Vulkan driver and libxkbcommon by hand." >&2
        return 0
    fi
    missing=$(missing_packages "$manager" "${1:-}")
    [ -n "$missing" ] || return 0
    case $manager in
        apt-get) install="apt-get install -y --no-install-recommends $missing" ;;
        dnf) install="dnf install -y $missing" ;;
        pacman) install="pacman -S --needed --noconfirm $missing" ;;
    esac
    if [ "$(id -u)" -eq 0 ]; then
        [ "$manager" = apt-get ] && apt-get update
        $install || { echo "The packages could not be installed; by hand: $install" >&2; exit 1; }
    elif [ -t 0 ] && command -v sudo >/dev/null 2>&1; then
        printf 'Meridian needs these system packages: %s\nInstall them with sudo? [Y/n] ' "$missing"
        read -r answer
        case $answer in
            n* | N*) echo "Then by hand: sudo $install" >&2; exit 1 ;;
        esac
        [ "$manager" = apt-get ] && sudo apt-get update
        sudo $install || exit 1
    else
        echo "Meridian needs system packages. As root: $install" >&2
        exit 1
    fi
}

# The examples' tests run them.
need_python() {
    command -v python3 >/dev/null 2>&1 && return 0
    echo "The tests run examples/*.py, and there is no python3 here: install it (its standard library is enough)" >&2
    exit 1
}

# Where nobody logged in there is no such folder, and the driver's search for a screen complains at every start.
need_runtime_folder() {
    [ -z "${XDG_RUNTIME_DIR:-}" ] || return 0
    XDG_RUNTIME_DIR=${TMPDIR:-/tmp}/meridian-runtime-$(id -u)
    mkdir -p "$XDG_RUNTIME_DIR" && chmod 700 "$XDG_RUNTIME_DIR" && export XDG_RUNTIME_DIR
}
