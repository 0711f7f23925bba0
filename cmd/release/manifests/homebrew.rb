class Lictrail < Formula
  desc "{{.Summary}}"
  homepage "{{.Home}}"
  version "{{.Version}}"
  license "{{.License}}"

  on_macos do
    on_arm do
      url "{{.URL "darwin" "arm64"}}"
      sha256 "{{.Digest "darwin" "arm64"}}"
    end
    on_intel do
      url "{{.URL "darwin" "amd64"}}"
      sha256 "{{.Digest "darwin" "amd64"}}"
    end
  end

  on_linux do
    on_arm do
      url "{{.URL "linux" "arm64"}}"
      sha256 "{{.Digest "linux" "arm64"}}"
    end
    on_intel do
      url "{{.URL "linux" "amd64"}}"
      sha256 "{{.Digest "linux" "amd64"}}"
    end
  end

  def install
    bin.install "lictrail"
    man1.install Dir["man/man1/*"]
    bash_completion.install "completions/lictrail.bash" => "lictrail"
    zsh_completion.install "completions/_lictrail"
    fish_completion.install "completions/lictrail.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/lictrail version")
  end
end
