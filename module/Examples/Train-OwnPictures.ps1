<#
.SYNOPSIS
Goes from a folder of pictures to a calibrated model: trains it, measures it on unseen pictures, and lets it guess what files
show.

.DESCRIPTION
The folder contains a folder of pictures for each class. A ResNet-18 that was trained on ImageNet is fine-tuned on them.
Without -Path the script draws its own pictures: circles, squares, triangles and diamonds, as bitmap files of different sizes
and colours, in a folder that is removed at the end. For these, it trains a small network from scratch.

.PARAMETER Path
Your folder of pictures.

.PARAMETER Epochs
Number of passes over the training pictures; by default 20 for the pretrained network, 10 for the small one.

.PARAMETER Scratch
Trains a ResNet-20 from scratch, on 32 x 32 pixels: faster, but it needs thousands of pictures.

.PARAMETER ModelPath
Where to save the model; by default it is not saved.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Train-OwnPictures.ps1

.EXAMPLE
./Train-OwnPictures.ps1 -Path ./photos -ModelPath ./photos.safetensors
#>
[CmdletBinding()]
param(
    [string] $Path,
    [int] $Epochs,
    [switch] $Scratch,
    [string] $ModelPath,
    [int] $Seed = 0
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

# Half the width of a shape at a height from -1, its top, to 1.
$shapes = [ordered]@{
    circle   = { param($height) [Math]::Sqrt(1 - $height * $height) }
    square   = { param($height) 0.85 }
    triangle = { param($height) (1 + $height) / 2 }
    diamond  = { param($height) 1 - [Math]::Abs($height) }
}

# Writes a bitmap file of two colours: a palette, and a byte for each pixel.
function Save-Drawing([string] $File, [scriptblock] $HalfWidth, [Random] $Random) {
    $width, $height = $Random.Next(40, 91), $Random.Next(40, 91)
    $side = [Math]::Min($width, $height)
    $radius = $side * (0.25 + 0.2 * $Random.NextDouble())
    $centerX = $width / 2 + ($side / 2 - $radius) * (2 * $Random.NextDouble() - 1)
    $centerY = $height / 2 + ($side / 2 - $radius) * (2 * $Random.NextDouble() - 1)

    $stride = ($width + 3) -band -bnot 3
    $bytes = [byte[]]::new(62 + $stride * $height)
    $header = [ordered]@{ 2 = $bytes.Length; 10 = 62; 14 = 40; 18 = $width; 22 = $height; 26 = 1 + 8 * 65536; 46 = 2 }
    $bytes[0], $bytes[1] = [byte] 0x42, [byte] 0x4D
    foreach ($field in $header.GetEnumerator()) { [BitConverter]::GetBytes([int] $field.Value).CopyTo($bytes, [int] $field.Key) }
    # Dark on light or light on dark; the fourth byte of a colour is not used.
    $dark = $Random.Next(2)
    foreach ($colour in 0, 1) {
        foreach ($channel in 0..2) { $bytes[54 + 4 * $colour + $channel] = $Random.Next(120) + 135 * ($colour -bxor $dark) }
    }

    # The lowest row comes first.
    for ($row = 0; $row -lt $height; $row++) {
        $level = ($height - 0.5 - $row - $centerY) / $radius
        if ([Math]::Abs($level) -ge 1) { continue }
        $half = $radius * (& $HalfWidth $level)
        $left, $right = [int] [Math]::Max(0, $centerX - $half), [int] [Math]::Min($width, $centerX + $half)
        [Array]::Fill($bytes, [byte] 1, 62 + $row * $stride + $left, $right - $left)
    }

    [IO.File]::WriteAllBytes($File, $bytes)
}

$own = !$Path
try {
    if ($own) {
        $Scratch = $true
        $Path = [IO.Directory]::CreateTempSubdirectory('pictures-').FullName
        $random = [Random]::new($Seed)
        foreach ($shape in $shapes.GetEnumerator()) {
            $folder = [IO.Directory]::CreateDirectory("$Path/$($shape.Key)").FullName
            foreach ($number in 1..150) { Save-Drawing "$folder/$number.bmp" $shape.Value $random }
        }
    }

    # Each part is displayed separately: in one stream, PowerShell only gives the first type its table.
    $size = $Scratch ? 32 : 224
    $read = @{ LiteralPath = $Path; ImageSize = $size; Seed = $Seed; ErrorAction = 'SilentlyContinue'; ErrorVariable = 'problems' }
    # A folder may have parts of its own, such as train and test: what it lacks is held out.
    foreach ($share in @{ ValidationFraction = 0.2; TestFraction = 0.2 }, @{ ValidationFraction = 0.2 }, @{ TestFraction = 0.2 }, @{}) {
        $pictures = Get-ImageDataset @read @share
        if (!($problems | Where-Object FullyQualifiedErrorId -Like 'PartGivenTwice,*')) { break }
    }

    # A file that cannot be read is left out.
    $problems | ForEach-Object { Write-Warning "$_" }
    if (!$pictures) { throw "There is no data set in '$Path'." }
    $pictures | Out-Default

    # A pretrained model is fine-tuned. One from scratch needs small batches, for more steps, where pictures are few.
    $new = @{ Classes = $pictures.Classes; Seed = $Seed }
    $model = $Scratch ? (New-ResNet20 @new) : (New-ResNet -Pretrained @new)
    $options = @{ Model = $model; Seed = $Seed; Restore = 'Best' }
    if ($Scratch) { $options.BatchSize = 32 }
    if ($Epochs) { $options.Epochs = $Epochs }
    if ($ModelPath) {
        # Now, not after the training: whether a model can be saved there, under a name of this kind.
        $probe = [IO.Path]::ChangeExtension($ModelPath, "$PID$([IO.Path]::GetExtension($ModelPath))")
        $model | Save-Model -Path $probe
        Remove-Item -LiteralPath $probe
    }

    $pictures | Start-ModelTraining @options | Out-Default

    # Validation pictures chose the epoch and calibrate the model; the test pictures are seen only now.
    $pictures | Optimize-ModelCalibration -Model $model | Out-Default
    $pictures | Measure-Model -Model $model | Out-Default

    if ($ModelPath) {
        $model | Save-Model -Path $ModelPath -Force
        $model = Import-Model -Path $ModelPath
    }

    # Some of the test files; any others would do as well. Below 80 % the answer is unknown.
    $files = $pictures.Test | Where-Object { $_.Index % 12 -eq 0 } | ForEach-Object Path
    Invoke-Inference -Model $model -LiteralPath $files -MinimumConfidence 0.8 | ForEach-Object {
        [pscustomobject]@{
            File       = [IO.Path]::GetRelativePath($pictures.Source, $_.Path)
            Guess      = $_.Class
            Confidence = '{0:P1}' -f $_.Confidence
        }
    } | Out-Default
} finally {
    if ($own -and [IO.Directory]::Exists($Path)) { [IO.Directory]::Delete($Path, $true) }
}
