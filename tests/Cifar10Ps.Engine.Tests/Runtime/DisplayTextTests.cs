using System.Text;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class DisplayTextTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cat", "cat")]
    [InlineData("Katze 犬 👩‍🔬 é ا", "Katze 犬 👩‍🔬 é ا")]
    [InlineData("\e[31mred\a", @"\u001b[31mred\u0007")]
    [InlineData("a\0b\u007f\u009b2J", @"a\u0000b\u007f\u009b2J")]
    [InlineData("a\r\nWARNING: b\tc\u0085\u2028\u2029", @"a\u000d\u000aWARNING: b\u0009c\u0085\u2028\u2029")]
    [InlineData("\u202egnp.exe\u202c \u2066\u2069\u200f", @"\u202egnp.exe\u202c \u2066\u2069\u200f")]
    public void What_a_terminal_would_obey_becomes_visible_and_all_else_stays(string text, string shown) =>
        Assert.Equal(shown, DisplayText.Escape(text));

    [Fact]
    public void Half_a_surrogate_pair_becomes_visible() =>
        Assert.Equal(@"\ud83d👩\udc00", DisplayText.Escape(new string(['\ud83d', .. "👩", '\udc00'])));

    [Fact]
    public void A_model_shows_its_class_names_and_keeps_them_apart()
    {
        ImageClassifier model = NewResNet(8, ["\e]0;title\a", "dog"], Shortcut.Projection, seed: 1);
        ModelFile.Save(model, _folder["model"]);

        Assert.Equal([@"\u001b]0;title\u0007", "dog"], model.Classes);
        Assert.Equal(model.Classes, ModelFile.Load(_folder["model"]).Classes);
        AssertError("InvalidClasses", () => NewResNet(8, ["\e", @"\u001b"], Shortcut.Projection, seed: 1));
    }

    [Fact]
    public void An_error_brings_no_cause_that_quotes_control_characters()
    {
        byte[] header = Encoding.UTF8.GetBytes("""{"a\u001b[2J":{"dtype":"odd","shape":[],"data_offsets":[0,0]}}""");

        EngineException error = AssertError("InvalidSafetensors", () =>
            ModelFile.Load(_folder.Write("evil", [.. BitConverter.GetBytes((long)header.Length), .. header])));

        Assert.Contains(@"'a\u001b[2J'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', error.ToString());
    }

    [Fact]
    public void A_message_stays_on_its_line_whatever_a_file_is_called() =>
        Assert.Contains(@"a\u000aWARNING: \u001b[2J'",
            AssertError("FileNotFound", () => ModelFile.Load("a\nWARNING: \e[2J")).Message, StringComparison.Ordinal);
}
