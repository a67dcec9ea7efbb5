using SkiaSharp;

namespace Cifar10Ps.Tests;

/// <summary>A folder for pictures, and what is said when it is read.</summary>
public abstract class ImageFolderTestBase : IDisposable
{
    private protected readonly TemporaryFolder _folder = new();
    private protected readonly List<(string Path, string ErrorId)> _skipped = [];
    private protected readonly List<string> _warnings = [], _understood = [];

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default) =>
        new ImageFolder(_folder.Path)
        {
            Skipped = (path, error) => _skipped.Add((Path.GetRelativePath(_folder.Path, path).Replace('\\', '/'), error.ErrorId)),
            Warning = _warnings.Add,
            Understood = _understood.Add,
        }.Read(progress, cancellation);

    /// <summary>Draws two classes of pictures in the folder of a part.</summary>
    private protected void Parts(string part, int count)
    {
        Draw(part + "/a", count);
        Draw(part + "/b", count);
    }

    /// <summary>Draws pictures 0.png, 1.png … that all differ.</summary>
    private protected string[] Draw(string folder, int count, int width = 40, int height = 30,
        SKEncodedImageFormat format = SKEncodedImageFormat.Png, string ending = ".png", Func<int, string>? names = null)
    {
        Directory.CreateDirectory(_folder[folder]);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            using SKBitmap picture = new(width, height);
            picture.Erase(new SKColor((byte)(folder.Length * 40), (byte)(i * 4), 100));
            using SKData encoded = picture.Encode(format, 90);
            return _folder.Write($"{folder}/{names?.Invoke(i) ?? $"{i}"}{ending}", encoded.AsSpan());
        })];
    }
}
